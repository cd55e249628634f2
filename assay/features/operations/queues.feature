@operations
Feature: The crew sees what waits, and can hold it up

  @conformance @S3-30 @needs-staff
  Scenario: The staff sees of each consumer what waits, for how long, and how fast it goes
    Given Sam is on the staff
    When Sam looks at the queues
    Then each queue tells what waits, its age and how much was done

  @conformance @S3-30 @S2-30 @needs-staff
  Scenario: What is reserved has passed through its queue
    Given Sam is on the staff
    And Ada is a customer
    And a product "Kettle" with a stock of 5
    When Ada has 1 "Kettle" reserved
    Then within 5 seconds the queue of "reserve" has handled something lately

  @S3-30 @needs-admin
  Scenario: What a paused consumer would do waits, and is done once it goes on
    Given Root is an administrator
    And Root pauses the consumer of "index"
    And a product "Kettle" with a stock of 5
    # Another consumer has done its work meanwhile: this one would have, too.
    When Root has 1 "Kettle" reserved
    Then something waits in the queue of "index"
    And the queue of "index" is paused
    When Root lets the consumer of "index" go on
    Then within 20 seconds nothing waits in the queue of "index"
    And the queue of "index" is not paused

  @S3-30 @needs-admin
  Scenario: Who is not there can not be paused
    Given Root is an administrator
    When Root tries to pause a consumer that does not exist
    Then the request is refused as if it did not exist
