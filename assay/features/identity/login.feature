@identity @conformance
Feature: A customer logs in

  Background:
    Given Ada is a customer

  @S0-64 @S0-54 @S4-01
  Scenario: Address and password open the account
    When Ada logs in
    Then Ada gets a pass that runs out
    And the pass opens the account of Ada

  @S2-23 @S2-19
  Scenario: The form of OAuth2 opens the account, too
    When Ada logs in by the OAuth2 form
    Then Ada gets a pass that runs out
    And the pass opens the account of Ada

  @S0-64
  Scenario Outline: A wrong password and an unknown address can not be told apart <way>
    When Ada logs in <way> with a wrong password
    And a stranger logs in <way> with an address that nobody has
    Then both are refused because nobody is signed in
    And both refusals are the same to the letter

    Examples:
      | way                |
      | by address         |
      | by the OAuth2 form |

  @S0-54 @S0-35
  Scenario: Without a pass the account stays shut
    When a visitor opens the account
    Then the request is refused because nobody is signed in
    And the refusal says how to sign in

  @S0-54
  Scenario Outline: A pass that is not right opens nothing: <pass>
    When someone opens the account of Ada with <pass>
    Then the request is refused because nobody is signed in

    Examples:
      | pass                           |
      | a pass with a changed signature |
      | a pass without a signature     |
      | a pass that claims no algorithm |
      | a pass with another owner      |
      | a word that is no pass         |
      | an empty pass                  |

  @S0-54
  Scenario: A pass opens the account of its owner only
    Given Ben is a customer
    Then the pass of Ada opens the account of Ada
    And the pass of Ben opens the account of Ben

  @S0-64
  Scenario: Who guesses has to wait, with the right password too
    When somebody guesses the password of Ada 5 times
    And Ada logs in
    Then the request is refused because there were too many
    And the refusal is named "request.too_many"
    And the refusal says when to come again

  @S0-64
  Scenario: An address that nobody has makes wait alike
    When somebody guesses a password 5 times for Cleo, whom nobody knows
    And Cleo logs in
    Then the request is refused because there were too many
    And the refusal says when to come again

  @S0-64 @concurrency
  Scenario: Guessing fast does not help
    When somebody guesses the password of Ada 30 times at the same time
    Then at most 5 of the guesses were heard

  @S0-64
  Scenario: Who guesses keeps nobody out who is in
    When Ada logs in
    And somebody guesses the password of Ada 5 times
    Then the pass opens the account of Ada
