@conventions @conformance
Feature: Requests are taken as they are meant, or not at all

  @S0-35
  Scenario: What is not there is not found
    When a visitor asks for what is not there
    Then the request is refused as if it did not exist

  @S0-34 @S0-35
  Scenario: A method that is not offered is refused, and the others are named
    When a visitor tries to remove the registration
    Then the request is refused because the method is not offered
    And the refusal names the method "POST"

  @S1-26
  Scenario Outline: A body that can not be read is refused: <body>
    Given Ada is a customer
    When Ada puts up an item by <body>
    Then the request is refused as unreadable
    And the list of Ada holds 0 items

    Examples:
      | body                            |
      | half a document                 |
      | bytes that are no text          |
      | a title with a NUL in it        |
      | a title with half a letter in it |
      | a document that is 100 levels deep |

  @S1-26
  Scenario Outline: A body of another kind is refused: <body>
    Given Ada is a customer
    When Ada puts up an item by <body>
    Then the request is refused because its kind is not understood
    And the list of Ada holds 0 items

    Examples:
      | body           |
      | plain text     |
      | XML            |
      | packed bytes   |

  @S1-26
  Scenario: A body that is too big is refused
    Given Ada is a customer
    When Ada puts up an item by a document of 100 kilobytes
    Then the request is refused because it is too big
    And the list of Ada holds 0 items

  @S1-26
  Scenario: A field that nobody knows is refused
    When Ada registers with a field that nobody knows
    Then the request is refused as invalid
    And Ada can not log in

  @S4-13
  Scenario: A request keeps the name that its sender gave it
    When a visitor asks whether the server is alive under the name "assay.check-1_A"
    Then the answer carries the name "assay.check-1_A"

  @S4-13
  Scenario: A request without a name gets one
    When a visitor asks whether the server is alive
    Then the answer carries a name of its own

  @S4-13
  Scenario Outline: A name that can not be is replaced: <name>
    When a visitor asks whether the server is alive under <name>
    Then the answer carries a name of its own

    Examples:
      | name                       |
      | a name of 65 letters       |
      | a name with spaces and signs |
