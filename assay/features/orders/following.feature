@orders @conformance @needs-staff
Feature: Whoever may see an order can follow it

  Background:
    Given Ada is a customer
    And Sam is on the staff
    And a product "Kettle" with a stock of 5
    And Ada has 2 "Kettle" reserved

  @S2-26 @S2-27
  Scenario: What was and what happens is told to those who watch
    Given Ada follows the order
    And Sam follows the order
    When Sam notes a payment of the order
    And Sam ships the order
    Then within 5 seconds Ada has heard: pending, reserved, paid, shipped
    And within 5 seconds Sam has heard: pending, reserved, paid, shipped

  @S2-26
  Scenario: Who comes again is told what is new, and nothing twice
    Given Ada follows the order
    And within 5 seconds Ada has heard: pending, reserved
    And Ada stops following
    When Sam notes a payment of the order
    And Ada follows the order from where they stopped
    Then within 5 seconds Ada has heard: paid

  @S2-26 @S2-31
  Scenario: What has come to its end says so, and who comes again learns that there is no more
    Given Ada follows the order
    When Ada cancels the order
    Then within 5 seconds Ada has heard: pending, reserved, cancelled
    And within 5 seconds the stream of Ada has ended
    When Ada follows the order from where they stopped
    Then nothing more is to come

  @S2-21 @S0-54
  Scenario: Nobody else can follow it
    Given Ben is a customer
    When Ben follows the order
    Then the request is refused as if it did not exist
    When a visitor follows the order
    Then the request is refused because nobody is signed in
