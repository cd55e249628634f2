@catalogue @concurrency @conformance
Feature: Nobody overwrites a change that they have not seen

  Background:
    Given Ada is a customer
    And Ada has the item "Lamp" with the description "Brass" for 2500 cents

  @S0-68
  Scenario Outline: A change that starts from a stale copy is refused: <change>
    Given Ada reads the item "Lamp" and keeps the copy
    And Ada changes the price of the item "Lamp" to 2000 cents
    When Ada tries to <change> the item "Lamp" starting from the kept copy
    Then the request is refused because the copy is stale
    And everybody reads the item "Lamp" with the description "Brass" for 2000 cents

    Examples:
      | change    |
      | replace   |
      | change    |
      | take down |

  @S0-68
  Scenario: A change that starts from the fresh copy is taken
    Given Ada reads the item "Lamp" and keeps the copy
    When Ada changes the price of the item "Lamp" to 1500 cents starting from the kept copy
    Then everybody reads the item "Lamp" with the description "Brass" for 1500 cents

  @S0-68
  Scenario: Ten changes that start from the same copy: one wins
    Given Ada reads the item "Lamp" and keeps the copy
    When Ada changes the price of the item "Lamp" 10 times at the same time starting from the kept copy
    Then 1 of them is taken and 9 of them are refused because the copy is stale

  @S0-66
  Scenario: A copy that is still right is not sent again
    Given Ada reads the item "Lamp" and keeps the copy
    Then the item "Lamp" is not sent again to who has the copy
    When Ada changes the price of the item "Lamp" to 1500 cents
    Then the item "Lamp" is sent again to who has the copy
