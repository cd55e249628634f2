@identity @conformance
Feature: Only a pass of the shop's own making opens an account

  Background:
    Given Ada is a customer

  @S0-54 @S0-35
  Scenario Outline: A forged pass is refused, and the refusal says how to sign in: <pass>
    When someone opens the account of Ada with <pass>
    Then the request is refused because nobody is signed in
    And the refusal says how to sign in
    And it tells nothing about the inside of the server

    Examples:
      | pass                                      |
      | a pass that is cut short                  |
      | a pass with a letter more                 |
      | a pass with a space in it                 |
      | a pass that claims no algorithm by another spelling |
      | a pass that brings its own key along      |
      | a pass that says where its key lies       |
      | a pass that names a file as its key       |
      | a pass that names a query as its key      |
      | a pass that names no key                  |
      | a pass that demands what nobody knows     |
      | a pass in five parts                      |
      | a pass of another kind                    |

  @S0-54
  Scenario: The published keys make no passes
    When someone signs a pass of Ada with each published key and opens the account
    Then all of them are refused because nobody is signed in

  @S0-54
  Scenario: The published keys keep their secret
    When a visitor reads the published keys
    Then there is at least one key, and none tells its private part

  @S0-54
  Scenario: A pass in the address of a page counts for nothing
    When a visitor opens the account with the pass of Ada in the address
    Then the request is refused because nobody is signed in
    And the refusal says how to sign in
