@catalogue @conformance
Feature: Items are put up, read, changed and taken down

  Background:
    Given Ada is a customer

  @S0-67 @S0-66 @S0-35
  Scenario: An item that was put up is there for everybody
    When Ada puts up an item "Lamp" with the description "Brass" for 2500 cents
    Then the item "Lamp" is created
    And the answer says where the item "Lamp" is found
    And everybody reads the item "Lamp" with the description "Brass" for 2500 cents

  @S0-67 @S0-35 @S0-54
  Scenario: Nobody puts up an item without signing in
    When a visitor puts up an item "Lamp"
    Then the request is refused because nobody is signed in

  @S0-68 @S0-42
  Scenario: Replacing an item replaces all of it
    Given Ada has the item "Lamp" with the description "Brass" for 2500 cents
    And everybody reads the item "Lamp" with the description "Brass" for 2500 cents
    When Ada replaces the item "Lamp" by one without a description for 900 cents
    Then everybody reads the item "Lamp" without a description for 900 cents

  @S0-68 @S0-42
  Scenario: Changing the price leaves the rest alone
    Given Ada has the item "Lamp" with the description "Brass" for 2500 cents
    When Ada changes the price of the item "Lamp" to 900 cents
    Then everybody reads the item "Lamp" with the description "Brass" for 900 cents

  @S0-69 @S0-42 @S0-35
  Scenario: An item that was taken down is gone
    Given Ada has the item "Lamp" with the description "Brass" for 2500 cents
    And everybody reads the item "Lamp" with the description "Brass" for 2500 cents
    When Ada takes down the item "Lamp"
    Then nobody finds the item "Lamp" any more
    And nobody finds the item "Lamp" in the list of Ada any more

  @S0-35
  Scenario Outline: There is no item behind <name>
    When a visitor reads the item behind <name>
    Then the request is refused as if it did not exist

    Examples:
      | name                             |
      | a number that nobody has         |
      | a number that no column can hold |
      | a word                           |
      | a negative number                |

  @S1-26 @S0-04
  Scenario Outline: What is no item is refused: <what>
    When Ada puts up an item <what>
    Then the request is refused as invalid
    And the list of Ada holds 0 items

    Examples:
      | what                                 |
      | without a title                      |
      | with an empty title                  |
      | with a title that is a number        |
      | with a price below zero              |
      | with a price of half a cent          |
      | with a price written as text         |
      | with a price that no column can hold |
      | with a field that nobody knows       |
