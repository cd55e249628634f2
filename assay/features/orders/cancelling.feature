@orders @conformance @needs-staff
Feature: A cancelled order gives back what it held, once

  Background:
    Given Ada and Ben are customers
    And a product "Kettle" with a stock of 3

  @S2-31
  Scenario: Cancelling a reserved order gives the stock back
    Given Ada has 2 "Kettle" reserved
    And the stock of "Kettle" is 1
    When Ada cancels the order
    Then within 5 seconds the order is cancelled
    And within 5 seconds the stock of "Kettle" is 3
    And exactly 3 "Kettle" can be sold to Ben

  @S2-31 @concurrency
  Scenario: Cancelling ten times at the same time gives the stock back once
    Given Ada has 2 "Kettle" reserved
    When Ada cancels the order 10 times at the same time
    Then within 5 seconds the order is cancelled
    And exactly 3 "Kettle" can be sold to Ben

  @S2-31 @concurrency
  Scenario: An order that is cancelled while it is being reserved holds nothing
    When Ada orders 3 "Kettle" and cancels at once
    Then within 5 seconds the order is cancelled
    And exactly 3 "Kettle" can be sold to Ben

  @S2-21
  Scenario: Nobody cancels the order of another customer
    Given Ada has 2 "Kettle" reserved
    When Ben cancels the order of Ada
    Then the request is refused as if it did not exist
    And the order is still reserved
    And the stock of "Kettle" is 1

  @S2-31
  Scenario: A rejected order can not be cancelled
    Given Ada orders 4 "Kettle"
    And within 5 seconds the order is rejected
    When Ada cancels the order
    Then the request is refused because it clashes
    And the stock of "Kettle" is 3
