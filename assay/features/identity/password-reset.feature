@identity @conformance
Feature: A forgotten password is replaced

  @S4-06
  Scenario: Asking tells nobody who has an account
    Given Ada is a customer
    When Ada asks for a new password
    And a stranger asks for a new password for an address that nobody has
    Then both are taken in
    And both answers are the same to the letter

  @S4-06
  Scenario: A made-up link opens nothing
    When a stranger chooses a new password with a made-up link
    Then the request is refused as invalid

  @S4-06 @needs-staff
  Scenario: The link in the mail gives the account back to its owner, once
    Given the mailbox of the shop can be read
    And Ada is a customer
    And Ada has asked for a new password
    When Ada chooses a new password with the link
    Then the account is in new hands
    And Ada can log in
    And the old pass of Ada opens nothing any more
    And a mail tells Ada that the password was changed
    When somebody chooses another password with the link of Ada
    Then the request is refused as invalid
    And Ada can log in

  @S4-07 @needs-staff
  Scenario: A newer link makes the older one void
    Given the mailbox of the shop can be read
    And Ada is a customer
    And Ada has asked for a new password
    And Ada keeps the link
    When Ada has asked for a new password again
    And Ada chooses a new password with the link that was kept
    Then the request is refused as invalid
    When Ada chooses a new password with the link
    Then the account is in new hands

  @S4-06 @needs-staff
  Scenario: A password that is refused does not use the link up
    Given the mailbox of the shop can be read
    And Ada is a customer
    And Ada has asked for a new password
    When Ada chooses the new password "password" with the link
    Then the request is refused as invalid
    When Ada chooses a new password with the link
    Then the account is in new hands

  @S4-06 @needs-staff
  Scenario: Nobody's box is filled by asking again and again
    Given the mailbox of the shop can be read
    And Ada is a customer
    When Ada asks for a new password 6 times
    Then all are taken in
    And Ada gets at most 3 mails with a link for a new password

  @concurrency @S4-06 @needs-staff
  Scenario: Twenty hands on one link
    Given the mailbox of the shop can be read
    And Ada is a customer
    And Ada has asked for a new password
    When 20 people choose a new password with the link of Ada at the same time
    Then 1 of them is taken and 19 of them are refused as invalid
