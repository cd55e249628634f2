@identity @conformance
Feature: A newcomer registers

  @S0-63 @S0-53
  Scenario: Registering makes an account
    When Ada registers
    Then the account is created
    And the answer carries the address and the name of Ada
    And the answer gives no secret of Ada away
    And Ada can log in

  @S0-63
  Scenario: An address belongs to one account
    Given Ada is a customer
    When Ben registers with the address of Ada
    Then the request is refused because it clashes
    And the refusal is named "user.email_taken"
    And Ada can log in

  @S0-63
  Scenario Outline: An address in other letters is the same address: <letters>
    Given Ada is a customer
    When Ben registers with the address of Ada <letters>
    Then the request is refused because it clashes
    And Ada can log in with the address <letters>

    Examples:
      | letters                        |
      | in capital letters             |
      | with a capital first letter    |
      | with the domain in capitals    |

  @S0-63
  Scenario Outline: An address in disguise is no second account: <disguise>
    Given Ada is a customer
    When Ben registers with the address of Ada <disguise>
    Then no second account is made
    And Ada can log in

    Examples:
      | disguise                       |
      | in fullwidth letters           |
      | with spaces around it          |
      | with an invisible sign in it   |

  @S0-63 @S1-26
  Scenario Outline: What is no account is refused: <what>
    When Ada registers <what>
    Then the request is refused as invalid
    And the refusal points at the "<field>"

    Examples:
      | what                           | field     |
      | without an address             | email     |
      | with an address that is none   | email     |
      | with an address without end    | email     |
      | without a password             | password  |
      | with a password of 7 letters   | password  |
      | with a password that is a number | password |
      | with a password without end    | password  |
      | with a password that is a list | password  |
      | with the password password123  | password  |
      | with the password 1234567890   | password  |
      | with the password qwertyuiop   | password  |
      | with an address that ends in a dot | email |
      | with a line break in the address | email   |
      | as an administrator            | is_admin  |
      | without a name                 | full_name |
      | with an empty name             | full_name |

  @S1-63
  Scenario Outline: Nobody makes themselves <role>
    When Ada registers with the role "<role>"
    Then the request is refused as invalid
    And Ada can not log in

    Examples:
      | role  |
      | staff |
      | admin |

  @S0-53
  Scenario: A long password counts to its last letter
    Given Ada registers with a password as long as 100 letters
    Then Ada can log in
    And Ada can not log in with another last letter of the password

  @S0-53
  Scenario: A password may hold spaces and signs of every script
    Given Ada registers with the password "correct 馬 battery 🔋 ślimak"
    Then Ada can log in

  @concurrency @S0-63
  Scenario: Ten people grab one address at the same time
    When 10 people register with one address at the same time
    Then 1 of them is created and 9 of them are refused because it clashes

  @S0-53
  Scenario Outline: A password needs no kinds of characters: <password>
    Given Ada registers with the password "<password>"
    Then Ada can log in

    Examples:
      | password                       |
      | kettle of the quiet harbour    |
      | 8305 1794 2266 9471            |
      | пять старых чайников           |
