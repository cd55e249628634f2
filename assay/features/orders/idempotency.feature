@orders @idempotency @conformance @needs-staff
Feature: An order that is sent again is not placed again

  Background:
    Given Ada is a customer
    And a product "Kettle" with a stock of 30

  @S2-29
  Scenario: The same key and the same order give the same answer
    Given Ada orders 2 "Kettle" under the key "first"
    When Ada orders 2 "Kettle" under the key "first"
    Then both answers are the same order
    And the second answer says that it is a repetition
    And Ada has 1 order
    And within 5 seconds the stock of "Kettle" is 28

  @S2-29
  Scenario: Another order under the same key is refused
    Given Ada orders 2 "Kettle" under the key "first"
    When Ada orders 3 "Kettle" under the key "first"
    Then the request is refused as invalid
    And Ada has 1 order

  @S2-29
  Scenario: Another key is another order
    Given Ada orders 2 "Kettle" under the key "first"
    When Ada orders 2 "Kettle" under the key "second"
    Then the order is accepted as pending
    And Ada has 2 orders

  @S2-29 @concurrency
  Scenario: Twenty times the same key at the same time is one order
    When Ada orders 1 "Kettle" 20 times at the same time under the key "first"
    Then every answer is the same order, or says that the first one is still running
    And Ada has 1 order
    And within 5 seconds the stock of "Kettle" is 29

  @S2-29
  Scenario: The key of another customer is another key
    Given Ben is a customer
    And Ada orders 2 "Kettle" under the key "first"
    When Ben orders 2 "Kettle" under the key "first"
    Then the order is accepted as pending
    And Ada has 1 order
    And Ben has 1 order

  @S2-29
  Scenario: A key under which an order was refused can be used again
    Given Ada orders 1 of something that nobody sells under the key "first"
    When Ada orders 2 "Kettle" under the key "first"
    Then the order is accepted as pending
    And Ada has 1 order

  @S1-26
  Scenario Outline: A key that can not be is refused: <key>
    When Ada orders 2 "Kettle" under <key>
    Then the request is refused as invalid
    And Ada has 0 orders

    Examples:
      | key                   |
      | an empty key          |
      | a key of 256 letters  |
