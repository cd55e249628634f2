@catalogue @conformance @needs-staff
Feature: Products are items that are sold from stock

  Background:
    Given Sam is on the staff
    And Ada is a customer

  @S2-26
  Scenario: The staff puts a product on the shelf, and the shop shows it
    When Sam puts a product "Kettle" on the shelf for 4900 cents with a stock of 3
    Then the product "Kettle" is created
    And everybody sees the product "Kettle" for 4900 cents with a stock of 3
    And everybody finds "Kettle" among the items for 4900 cents

  @S2-21 @S1-63
  Scenario: A customer can not put a product on the shelf
    When Ada puts a product "Kettle" on the shelf for 4900 cents with a stock of 3
    Then the request is refused because it is not allowed

  @S2-26
  Scenario: An item without a stock is no product
    Given Ada has the item "Lamp" with the description "Brass" for 2500 cents
    Then nobody finds a product "Lamp"

  @S2-26
  Scenario: A delivery adds to the stock, a loss takes from it
    Given a product "Kettle" with a stock of 3
    When Sam books 5 "Kettle" in because of "a delivery"
    And Sam books 2 "Kettle" out because of "breakage"
    Then the stock of "Kettle" is 6

  @S2-26
  Scenario: More than there is can not be taken from the stock
    Given a product "Kettle" with a stock of 3
    When Sam books 4 "Kettle" out because of "breakage"
    Then the request is refused because it clashes
    And the stock of "Kettle" is 3

  @S2-21
  Scenario: A customer can not book stock
    Given a product "Kettle" with a stock of 3
    When Ada books 5 "Kettle" in because of "a gift"
    Then the request is refused because it is not allowed
    And the stock of "Kettle" is 3
