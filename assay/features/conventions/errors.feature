@conventions @conformance
Feature: A refusal says what is wrong, in one form

  @S1-27 @S1-26
  Scenario Outline: Every kind of refusal is a problem document: <mistake>
    Given Ada and Ben are customers
    When <mistake>
    Then the refusal is a problem document
    And it tells nothing about the inside of the server

    Examples:
      | mistake                                   |
      | somebody sends half a document            |
      | somebody logs in with a wrong password    |
      | Ada opens the account of nobody           |
      | Ben changes an item of Ada                |
      | somebody asks for an item that is not there |
      | somebody asks for what is not there       |
      | somebody uses a method that is not offered |
      | Ben registers with an address that is taken |
      | Ada changes an item starting from a stale copy |
      | Ada sends an item as a picture            |
      | Ada offers an item without a title        |

  @S1-26 @S1-27
  Scenario: A refusal of input names each mistake
    Given Ada is a customer
    When Ada puts up an item with two mistakes
    Then the request is refused as invalid
    And the refusal points at the "title"
    And the refusal points at the "price_cents"
