@identity @conformance
Feature: A password is changed by who knows it

  Background:
    Given Ada is a customer

  @S0-53
  Scenario: The other devices are out, and this one stays
    Given Ada is logged in on another device
    When Ada changes the password
    Then the password is changed
    And the pass of Ada opens the account of Ada
    And the other device of Ada opens nothing any more
    And Ada can log in

  @S0-53
  Scenario: Who does not know the password changes nothing
    When Ada changes the password without knowing it
    Then the request is refused as invalid
    And Ada can log in

  @S0-53
  Scenario: A password that everybody guesses is refused
    When Ada changes the password to "password"
    Then the request is refused as invalid
    And Ada can log in

  @S0-53
  Scenario: A visitor has no password to change
    When a visitor changes the password
    Then the request is refused because nobody is signed in
