@operations @conformance
Feature: What was given up stays until somebody decides

  @S3-32 @needs-staff
  Scenario: The staff reads what was given up, and why
    Given Sam is on the staff
    When Sam reads the dead letters
    Then each dead letter tells its payload, its error and its attempts

  @S3-32 @needs-admin
  Scenario: What is no dead letter is neither replayed nor discarded
    Given Root is an administrator
    When Root replays a dead letter that does not exist
    Then the request is refused as if it did not exist
    When Root discards a dead letter that does not exist
    Then the request is refused as if it did not exist

  @S3-32 @needs-admin
  Scenario: Replaying everything tells how much that was, and stands in the audit log
    Given Root is an administrator
    When Root replays all dead letters
    Then it is told how many that were
    And Root finds the replay in the audit log
