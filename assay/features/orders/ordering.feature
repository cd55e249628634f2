@orders @conformance @needs-staff
Feature: A customer orders, and the shop reserves

  Background:
    Given Ada is a customer
    And a product "Kettle" for 4900 cents with a stock of 5
    And a product "Teapot" for 3000 cents with a stock of 2

  @S2-29 @S2-30 @S2-27
  Scenario: An order is pending at once and reserved soon after
    When Ada orders 2 "Kettle"
    Then the order is accepted as pending
    And the answer says where the order is found
    And within 5 seconds the order is reserved
    And the stock of "Kettle" is 3

  @S2-29
  Scenario: The price is fixed when the order is placed
    Given Ada orders 2 "Kettle"
    When the price of "Kettle" rises to 9900 cents
    Then within 5 seconds the order is reserved
    And the order costs 9800 cents

  @S2-29
  Scenario: The same product twice is one line
    When Ada orders 2 "Kettle" and 1 "Teapot" and 1 "Kettle"
    Then the order has the lines:
      | product | quantity |
      | Kettle  | 3        |
      | Teapot  | 1        |
    And the order costs 17700 cents
    And within 5 seconds the order is reserved
    And the stock of "Kettle" is 2

  @S2-30 @S2-31
  Scenario: All lines are reserved, or none
    When Ada orders 2 "Kettle" and 3 "Teapot"
    Then within 5 seconds the order is rejected
    And the stock of "Kettle" is 5
    And the stock of "Teapot" is 2

  @S2-31
  Scenario: A rejected order says everything that was missing
    When Ada orders 7 "Kettle" and 3 "Teapot"
    Then within 5 seconds the order is rejected
    And the order says that these were missing:
      | product | wanted | there |
      | Kettle  | 7      | 5     |
      | Teapot  | 3      | 2     |
    And the stock of "Kettle" is 5
    And the stock of "Teapot" is 2

  @S2-29
  Scenario: What is not sold can not be ordered
    When Ada orders 1 of something that nobody sells
    Then the request is refused as invalid
    And Ada has 0 orders

  @S2-29
  Scenario: An item that is not sold from stock can not be ordered
    Given Ada has the item "Lamp" with the description "Brass" for 2500 cents
    When Ada orders 1 "Lamp"
    Then the request is refused as invalid
    And Ada has 0 orders

  @S2-29 @S1-26
  Scenario Outline: What is no order is refused: <what>
    When Ada orders <what>
    Then the request is refused as invalid
    And Ada has 0 orders
    And the stock of "Kettle" is 5

    Examples:
      | what                               |
      | nothing at all                     |
      | "Kettle" zero times                |
      | "Kettle" minus two times           |
      | "Kettle" one and a half times      |
      | "Kettle" as many times as a text says |
      | "Kettle" more times than a number can hold |
      | "Kettle" at a price of their own   |

  @S0-54 @S2-29
  Scenario: Nobody orders without signing in
    When a visitor orders 1 "Kettle"
    Then the request is refused because nobody is signed in
    And the stock of "Kettle" is 5

  @S2-21
  Scenario: The order of another customer can not be told from one that does not exist
    Given Ben is a customer
    And Ada orders 1 "Kettle"
    When Ben reads the order of Ada
    And Ben reads an order that does not exist
    Then both are refused as if they did not exist
    And both refusals are the same to the letter
    And Ben has 0 orders

  @S2-26
  Scenario: The staff sees the order of a customer
    Given Sam is on the staff
    And Ada orders 1 "Kettle"
    When Sam reads the order of Ada
    Then the order is shown

  @S2-26
  Scenario: The history of an order tells what became of it
    When Ada orders 1 "Kettle"
    Then within 5 seconds the order is reserved
    And the history of the order tells: pending, reserved
