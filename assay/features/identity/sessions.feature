@identity @conformance
Feature: A customer stays signed in, and is out when they say so

  Background:
    Given Ada is a customer

  @S4-02
  Scenario: The login leaves a cookie that no script and no other site can use
    When Ada logs in
    Then the answer sets a cookie that only this host gets, over a safe line, from its own pages
    And no script can read the cookie
    And the cookie is not told in the answer itself

  @S4-04 @S4-02
  Scenario: The cookie is worth a new pass and a new cookie
    Given Ada is signed in with a cookie
    When Ada renews her pass
    Then Ada gets a pass that runs out
    And the pass opens the account of Ada
    And the cookie is another one than before

  @S4-04
  Scenario: A cookie that was spent before the last one is taken for stolen, and ends the session
    Given Ada is signed in with a cookie
    When Ada renews her pass twice
    And a thief uses the first cookie of Ada
    Then the request is refused because nobody is signed in
    And the newest cookie of Ada is worth nothing
    And soon the pass of Ada opens nothing

  @S4-04
  Scenario: One stolen cookie ends one session
    Given Ada is signed in with a cookie
    And Ben is a customer
    And Ben is signed in with a cookie
    When Ada renews her pass twice
    And a thief uses the first cookie of Ada
    Then the request is refused because nobody is signed in
    And the newest cookie of Ben is worth a pass

  @S4-04
  Scenario Outline: A cookie that is not right is worth nothing, and harms nobody: <cookie>
    Given Ada is signed in with a cookie
    When someone renews a pass with <cookie>
    Then the request is refused because nobody is signed in
    And the newest cookie of Ada is worth a pass

    Examples:
      | cookie                             |
      | no cookie                          |
      | an empty cookie                    |
      | the cookie of Ada, cut short       |
      | the cookie of Ada, with a letter more |
      | a made up cookie                   |

  @S4-04 @S0-54
  Scenario: Logging out ends the pass and the cookie
    Given Ada is signed in with a cookie
    When Ada logs out
    Then the answer takes the cookie away
    And soon the pass of Ada opens nothing
    And the newest cookie of Ada is worth nothing

  @S4-04
  Scenario: Logging out twice is as good as once
    Given Ada is signed in with a cookie
    When Ada logs out
    And Ada logs out
    Then the answer takes the cookie away

  @S4-04
  Scenario: Logging out everywhere ends the sessions of all devices
    Given Ada is signed in with a cookie
    And Ada is signed in on a second device
    When Ada logs out everywhere
    Then soon the pass of Ada opens nothing
    And soon the pass of the second device opens nothing

  @S4-04
  Scenario: Who was never signed in can not log out
    When a visitor logs out
    Then the request is refused because nobody is signed in

  @S4-04
  Scenario: A customer sees their devices and ends one
    Given Ada is signed in with a cookie
    And Ada is signed in on a second device
    When Ada ends the session of the second device
    Then soon the pass of the second device opens nothing
    And the pass opens the account of Ada

  @S4-04 @S1-63
  Scenario: The session of somebody else can not be ended
    Given Ben is a customer
    And Ben is signed in with a cookie
    When Ada tries to end the session of Ben
    Then the request is refused as if it did not exist
    And the pass opens the account of Ben

  @S4-02
  Scenario Outline: A page of another site can not <act> for its visitor
    Given Ada is signed in with a cookie
    When a page of another site tries to <act> with the cookie of Ada
    Then the request is refused because it is not allowed
    And the newest cookie of Ada is worth a pass

    Examples:
      | act                  |
      | renew the pass       |
      | log out              |
      | log out everywhere   |

  @S4-02
  Scenario: A form of plain text is not understood
    Given Ada is signed in with a cookie
    When Ada renews her pass with a text for a body
    Then the request is refused because its kind is not understood
    And the newest cookie of Ada is worth a pass

  @S4-02
  Scenario: No other site is told that it may read an answer
    Given Ada is signed in with a cookie
    When Ada renews her pass
    Then the answer lets no other site read it
