@orders @concurrency @conformance @needs-staff
Feature: What is there is sold once, however many want it

  @S2-30
  Scenario: The last kettle goes to one of two buyers
    Given a product "Kettle" with a stock of 1
    When 2 buyers order 1 "Kettle" at the same time
    Then within 5 seconds 1 order is reserved and 1 order is rejected
    And the stock of "Kettle" is 0

  # The orders are counted and not only the stock: a shop that sells too much can keep a stock that looks right.
  @S2-30 @S2-31
  Scenario: Twenty buyers want the last five kettles
    Given a product "Kettle" with a stock of 5
    When 20 buyers order 1 "Kettle" at the same time
    Then within 5 seconds 5 orders are reserved and 15 orders are rejected
    And the stock of "Kettle" is 0

  @S2-30
  Scenario: Buyers who take two at a time leave the odd one
    Given a product "Kettle" with a stock of 5
    When 10 buyers order 2 "Kettle" at the same time
    Then within 5 seconds 2 orders are reserved and 8 orders are rejected
    And the stock of "Kettle" is 1

  @S2-30
  Scenario: Orders that name the same products in opposite order do not block each other
    Given a product "Kettle" with a stock of 20
    And a product "Teapot" with a stock of 20
    When 10 buyers order 1 "Kettle" and 1 "Teapot" while 10 buyers order 1 "Teapot" and 1 "Kettle"
    Then within 5 seconds 20 orders are reserved and 0 orders are rejected
    And the stock of "Kettle" is 0
    And the stock of "Teapot" is 0
