@catalogue @conformance
Feature: Items are found by searching for them

  Background:
    Given Ada is a customer
    And Ada has put up an item named after a word that nobody else uses

  @S0-70 @S0-43 @S0-14
  Scenario Outline: Who searches for <what> finds the item
    When a visitor searches for <what>
    Then the item with the word is found

    Examples:
      | what                              |
      | the word                          |
      | the word in capitals              |
      | the beginning of the word         |
      | the word in quotes                |
      | the word among signs              |
      | the word behind an open quote     |

  @S0-70
  Scenario Outline: A typing error is forgiven, and the answer says what it took the text for: <what>
    When a visitor searches for <what>
    Then the item with the word is found
    And the answer says that the word was searched for instead

    Examples:
      | what                              |
      | the word without one of its letters |
      | the word with two letters swapped |
      | the word with a wrong letter      |

  @S0-70
  Scenario: What somebody is typing is completed
    Then the beginning of the word is completed to the word

  @S0-43 @S0-48
  Scenario: What is changed or taken down is found as it is then
    When a visitor searches for the word
    Then the item with the word is found
    When Ada changes the price of the item with the word to 777 cents
    Then the item with the word is found for 777 cents
    When Ada takes down the item with the word
    Then the item with the word is found no more

  @S0-70
  Scenario: The filters narrow what is found, and the facets say what each would give
    Then the item with the word is found in its category and not in another
    And the facets count the item in its category whichever category is asked for

  @S0-70 @S1-26
  Scenario Outline: Whatever is searched for is answered: <text>
    When a visitor searches for the text <text>
    Then the search is answered

    Examples:
      | text               |
      | o'neill            |
      | "                  |
      | \                  |
      | & \| ! <-> ( ) :*  |
      | %_%                |
      | 🎂                 |
      | ; DROP TABLE items |
      | title:[a TO b]     |

  @S1-26
  Scenario: A text that is far too long is refused
    When a visitor searches for a text of 3000 letters
    Then the request is refused as invalid
