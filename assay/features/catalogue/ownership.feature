@catalogue @conformance
Feature: An item is changed by its owner, or by an administrator

  Background:
    Given Ada and Ben are customers
    And Ada has the item "Lamp" with the description "Brass" for 2500 cents

  @S0-31
  Scenario: A list shows whose each item is
    When a visitor lists the items of Ada
    Then each item of the list carries the name of Ada
    And the list gives no secret of Ada away

  @S2-21 @S1-63
  Scenario Outline: Another customer can not <change> an item
    When Ben tries to <change> the item "Lamp"
    Then the request is refused because it is not allowed
    And everybody reads the item "Lamp" with the description "Brass" for 2500 cents

    Examples:
      | change    |
      | replace   |
      | change    |
      | take down |

  @S0-54 @S0-68 @S0-69
  Scenario Outline: Nobody can <change> an item without signing in
    When a visitor tries to <change> the item "Lamp"
    Then the request is refused because nobody is signed in
    And everybody reads the item "Lamp" with the description "Brass" for 2500 cents

    Examples:
      | change    |
      | replace   |
      | change    |
      | take down |

  @S1-63 @needs-admin
  Scenario: An administrator can change anybody's item
    Given Root is an administrator
    When Root changes the price of the item "Lamp" to 100 cents
    Then everybody reads the item "Lamp" with the description "Brass" for 100 cents

  @S0-67 @S2-21
  Scenario: A customer can name themselves as the owner
    When Ada puts up an item "Chair" for Ada
    Then the item "Chair" is created
    And the item "Chair" belongs to Ada

  @S0-67 @S2-21
  Scenario: A customer can not put up an item in another name
    When Ben puts up an item "Chair" for Ada
    Then the request is refused because it is not allowed
    And the list of Ada holds 1 item

  @S0-67 @S1-63 @needs-admin
  Scenario: An administrator can put up an item in another name
    Given Root is an administrator
    When Root puts up an item "Chair" for Ada
    Then the item "Chair" is created
    And the item "Chair" belongs to Ada
