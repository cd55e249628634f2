@orders @needs-staff
Feature: An order that is paid is sent, and what is sent has left the shop

  Background:
    Given Ada is a customer
    And Sam is on the staff
    And a product "Kettle" with a stock of 5
    And Ada has 2 "Kettle" reserved

  Scenario: An order is paid, shipped and delivered, and its history tells so
    When Sam notes a payment of the order
    Then within 5 seconds the order is paid
    When Sam ships the order
    Then within 5 seconds the order is shipped
    When Sam notes the arrival of the order
    Then within 5 seconds the order is delivered
    And the history of the order tells: pending, reserved, paid, shipped, delivered
    And the stock of "Kettle" is 3

  Scenario: The same payment again is the same payment, another one clashes
    Given Sam notes a payment of the order under the reference "first"
    When Sam notes a payment of the order under the reference "first"
    Then within 5 seconds the order is paid
    When Sam notes a payment of the order under the reference "second"
    Then the request is refused because it clashes

  Scenario: What is not paid is not shipped
    When Sam ships the order
    Then the request is refused because it clashes
    And the order is still reserved

  Scenario: What is paid can still be cancelled, and gives back what it held
    Given Sam notes a payment of the order
    When Ada cancels the order
    Then within 5 seconds the order is cancelled
    And within 5 seconds the stock of "Kettle" is 5

  Scenario: What was shipped is not cancelled any more
    Given Sam notes a payment of the order
    And Sam ships the order
    When Ada cancels the order
    Then the request is refused because it clashes
    And the stock of "Kettle" is 3

  Scenario: A customer can not say that an order is paid
    When Ada notes a payment of the order
    Then the request is refused because it is not allowed
    And the order is still reserved
