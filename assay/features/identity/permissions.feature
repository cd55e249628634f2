@identity @conformance
Feature: What is the crew's is kept from everybody else

  @S1-63 @S0-54
  Scenario Outline: A visitor can not <act>
    When a visitor tries to <act>
    Then the request is refused because nobody is signed in

    Examples:
      | act                             |
      | list the accounts               |
      | make someone an administrator   |
      | read the audit log              |
      | read the mails of the shop      |
      | see what waits in the queues    |
      | list the dead letters           |
      | replay every dead letter        |
      | pause the reservations          |
      | put something on the shelf      |

  @S1-63 @S2-21
  Scenario Outline: A customer can not <act>
    Given Ada is a customer
    When Ada tries to <act>
    Then the request is refused because it is not allowed

    Examples:
      | act                             |
      | list the accounts               |
      | make someone an administrator   |
      | read the audit log              |
      | read the mails of the shop      |
      | see what waits in the queues    |
      | list the dead letters           |
      | replay every dead letter        |
      | pause the reservations          |
      | put something on the shelf      |

  @S1-63 @needs-staff
  Scenario Outline: The staff can not <act>
    Given Sam is on the staff
    When Sam tries to <act>
    Then the request is refused because it is not allowed

    Examples:
      | act                             |
      | list the accounts               |
      | make someone an administrator   |
      | replay every dead letter        |
      | pause the reservations          |

  @S1-63
  Scenario: Nobody makes themselves an administrator
    Given Ada is a customer
    When Ada tries to make someone an administrator
    Then the request is refused because it is not allowed
    When Ada tries to list the accounts
    Then the request is refused because it is not allowed

  @S1-63 @needs-admin
  Scenario: A role counts as soon as it is given, and no longer than it is
    Given Root is an administrator
    And Ada is a customer
    When Root gives Ada the role "staff"
    Then soon Ada can put something on the shelf
    When Root gives Ada the role "customer"
    Then soon Ada can not put something on the shelf any more
