@operations @needs-staff
Feature: The staff sees what is done at which times

  Scenario: Each schedule tells when it comes next and how its last run ended
    Given Sam is on the staff
    When Sam looks at the schedules
    Then each schedule tells its pattern, its time zone and its next moment
    And within 20 seconds the schedule "orders.expire" has succeeded after that

  Scenario: A customer sees nothing of it
    Given Ada is a customer
    When Ada tries to look at the schedules
    Then the request is refused because it is not allowed
