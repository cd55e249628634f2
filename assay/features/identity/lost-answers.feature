@identity
Feature: A renewed session survives a lost answer

  The contract leaves it to the server how strict it is with a cookie that comes again. One that forgives nobody is right,
  too, but it throws out whoever loses an answer or opens two windows.

  Background:
    Given Ada is a customer

  @S4-04
  Scenario: Whoever lost the answer asks again and goes on
    Given Ada is signed in with a cookie
    When Ada renews her pass
    And Ada renews her pass again, with the same cookie
    Then both answers give the same cookie
    And the newest cookie of Ada is worth a pass

  @S4-04 @concurrency
  Scenario: Twenty windows of one browser renew at the same time
    Given Ada is signed in with a cookie
    When Ada renews her pass in 20 windows at the same time
    Then all windows get a pass and the same cookie
    And the newest cookie of Ada is worth a pass
