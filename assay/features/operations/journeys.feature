@operations @conformance @needs-staff
Feature: A correlation id leads from a request to all that became of it

  Background:
    Given Sam is on the staff

  @S4-13
  Scenario: The journey of an order tells of its message, its reservation and its stock, oldest first
    Given Ada is a customer
    And a product "Kettle" with a stock of 5
    When Ada orders 2 "Kettle" with a correlation id
    Then within 5 seconds the order is reserved
    And within 5 seconds the journey tells of: request, message, delivery, order, stock
    And the journey is told in the order in which it happened

  @S4-13
  Scenario: Nothing is told of a journey that nobody made
    When Sam reads the journey of an id that nobody used
    Then the request is refused as if it did not exist
