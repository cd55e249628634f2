@catalogue @conformance
Feature: A long list is read in pages

  Background:
    Given Ada is a customer with 7 items

  @S0-36 @S0-65 @S1-25
  Scenario: Skip and limit cut the list into pages
    When the list of Ada is read in pages of 3 by skipping
    Then the pages hold 3, 3 and 1 items
    And every item of Ada was seen once

  @S0-36 @S0-65
  Scenario: Walking by the cursor sees every item once
    When the list of Ada is read in pages of 3 by the cursor
    Then the pages hold 3, 3 and 1 items
    And every item of Ada was seen once

  @S0-65 @concurrency
  Scenario: Items that arrive during a walk disturb nobody
    When the list of Ada is read in pages of 2 by the cursor while Ada puts up more items
    Then every item that was there before was seen once

  @S0-65
  Scenario: A page is short unless more is asked for
    Given Ada has 15 items more
    When a visitor lists the items of Ada
    Then the list shows 20 items

  @S0-65
  Scenario Outline: A page that can not be is refused: <page>
    When a visitor lists the items of Ada <page>
    Then the request is refused as <refusal>

    Examples:
      | page                                  | refusal    |
      | with a limit of nothing               | invalid    |
      | with a limit below zero               | invalid    |
      | with a limit of 101                   | invalid    |
      | with a limit that is a word           | invalid    |
      | from before the beginning             | invalid    |
      | from beyond what a number can hold    | invalid    |
      | with a cursor that somebody made up   | unreadable |
      | with both a cursor and a place to start | unreadable |
