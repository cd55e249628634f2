@health @conformance
Feature: Anyone can ask how the server is, and what it can do

  @S0-37 @S0-61 @S1-28 @S3-13
  Scenario: A server that answers is alive
    When a visitor asks whether the server is alive
    Then the answer is yes

  @S0-37 @S0-62
  Scenario: A server that can do its work is ready, and says what it looked at
    When a visitor asks whether the server is ready
    Then the answer is yes
    And it says how each thing it depends on is doing

  @S0-59 @S1-29 @S3-12 @S4-18
  Scenario: The documentation is a page for people
    When a visitor opens the documentation
    Then it is a page that a browser can show

  @S0-04 @S0-34 @S2-36
  Scenario: The description for machines covers what the shop is known for
    When a visitor fetches the description for machines
    Then it describes how to do each of these:
      | ask whether the server is alive |
      | ask whether the server is ready |
      | register                        |
      | log in                          |
      | log in by the OAuth2 form       |
      | list items                      |
      | read an item                    |
      | put up an item                  |
      | replace an item                 |
      | take down an item               |
      | place an order                  |

  @S0-49 @S3-20 @S4-14
  Scenario: Monitoring can scrape the metrics
    When the monitoring scrapes the metrics
    Then they are in the text format of Prometheus
