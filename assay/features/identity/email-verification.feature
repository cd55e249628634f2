@identity @conformance
Feature: An address is verified by the link that was sent there

  @S0-63
  Scenario: A made-up link verifies nothing
    When a stranger follows a made-up link
    Then the request is refused as invalid

  @S0-63 @needs-staff
  Scenario: A newcomer gets a link, and follows it
    Given the mailbox of the shop can be read
    And Ada is a customer
    When Ada follows the link of the welcome
    Then the address is verified

  @S0-63 @needs-staff
  Scenario: The link of a welcome is none for a new password
    Given the mailbox of the shop can be read
    And Ada is a customer
    When somebody chooses a new password with the welcome of Ada
    Then the request is refused as invalid
    And Ada can log in
