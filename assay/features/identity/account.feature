@identity @conformance
Feature: A customer's data is theirs to take along, and to have forgotten

  Background:
    Given Ada is a customer
    And Ada has the item "Lamp" with the description "Brass" for 2500 cents

  @S1-63
  Scenario: All that is held about a customer is handed over as a file
    When Ada asks for all that is held about her
    Then the answer is a file that holds the address of Ada, her name and "Lamp"
    And the answer gives no secret of Ada away

  @S1-63 @S0-54
  Scenario Outline: A visitor can not <act>
    When a visitor tries to <act>
    Then the request is refused because nobody is signed in

    Examples:
      | act                                     |
      | ask for all that is held about somebody |
      | delete an account                       |

  @S4-02
  Scenario: Who deletes the account is out at once, and can not come back
    When Ada deletes her account
    Then soon the pass of Ada opens nothing
    And Ada can not log in
    And no list of items tells the name of Ada

  @S4-01
  Scenario: The address of a deleted account is free for a new one
    When Ada deletes her account
    And Ben registers with the address of Ada
    Then the account is created

  @S2-21
  Scenario: An administrator shuts an account, and opens it again
    Given Eve is an administrator
    When Eve gives the account of Ada the status "disabled"
    Then soon the pass of Ada opens nothing
    And Ada can not log in
    When Eve gives the account of Ada the status "active"
    Then Ada can log in

  @S2-21
  Scenario: An administrator finds an account by its address
    Given Eve is an administrator
    When Eve looks for the account of Ada
    Then just the account of Ada is found
    And the answer gives no secret of Ada away
