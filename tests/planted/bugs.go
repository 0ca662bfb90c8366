package main

// bug is a wrong version of our own code.
type bug struct {
	name   string  // as the call site has it
	what   string  // goes wrong
	suites []suite // that have to notice: tried in order, the first that fails has found it
	sample bool    // one of those that CI tries
}

// suite is some tests of a package.
type suite struct {
	folder string // of the package, below the repository
	run    string // pattern of its tests
}

const chassis = "services/internal/chassis/"

func ledger(run string) []suite  { return []suite{{chassis + "ledger", run}} }
func bus(run string) []suite     { return []suite{{chassis + "bus", run}} }
func store(run string) []suite   { return []suite{{chassis + "store", run}} }
func webapi(run string) []suite  { return []suite{{chassis + "webapi", run}} }
func sharing(run string) []suite { return []suite{{"services/sharing", run}} }

// bugs are all there are: a test holds the list and the call sites together.
var bugs = []bug{
	// The ledger.
	{"no_compare_and_set", "a commit is appended whatever stands before it", ledger("TestBroker$"), true},
	{"new_id_on_retry", "a command that is sent on to another writer gets a new id", ledger("TestLostTwiceForwards"), true},
	{"answer_before_commit", "commands are answered before the log has their commit", ledger("TestNoSpace|TestUnknown|TestInDoubt"), true},
	{"dedupe_in_memory_only", "command ids are forgotten when the log is read back", ledger("TestRepeated|TestTakeover|TestSnapshot"), true},
	{"dedupe_in_a_window_only", "command ids are remembered for a day, not for 30", ledger("TestRetention"), false},
	{"snapshot_without_command_ids", "a snapshot leaves the command ids out", ledger("TestSnapshot"), false},
	{"snapshot_of_another_fold", "a snapshot of another version of the fold is taken", ledger("TestSnapshotIgnored"), false},
	{"snapshot_of_another_log", "a snapshot taken on another commit is taken", ledger("TestSnapshotOfAnotherLog"), false},
	{"tail_loss_unnoticed", "a log that ends before what is known outside it is served", ledger("TestKnownCommitsMissing|TestTruncatedStore"), true},
	{"regrown_log_unnoticed", "a log that lost its tail and grew again is served", ledger("TestKnownCommitsMissing"), false},
	{"broken_hash_link", "a commit does not name the one before it", ledger("TestSnapshotAndTail|TestTakeover"), false},
	{"hash_link_unchecked", "a reader does not look at the hash of the commit before", ledger("TestChain"), false},
	{"hash_over_half_the_bytes", "the hash of a commit does not cover its end", ledger("TestChain"), true},
	{"refusal_changes_state", "a command refused halfway leaves its first events behind", ledger("TestOddDecisions|TestRandomBank"), false},
	{"refusal_without_outcome", "a refusal is answered but not committed", ledger("TestRepeated|TestOddDecisions|TestExpectedVersion"), false},
	{"other_body_under_a_known_id", "an id that is known is answered for other content", ledger("TestRepeated"), false},
	{"other_body_in_one_group", "an id twice in a group is answered for other content", ledger("TestSameIDInOneGroup"), false},
	{"twice_in_one_group", "an id twice in a group is decided twice", ledger("TestSameIDInOneGroup"), true},
	{"expected_version_ignored", "a decision does not look at the version its sender saw", ledger("TestExpectedVersion"), false},
	{"skipped_version", "an entity's versions have gaps", ledger("TestGroupCommit|TestTakeover"), false},
	{"clock_goes_back", "the time of commits goes back with the clock", ledger("TestClockGoesBack"), false},
	{"doubt_told_as_not_done", "what may be done is told as surely not done", ledger("TestUnknown|TestCloseInDoubt"), false},
	{"lost_commit_kept_in_memory", "a commit lost to another writer stays in the state", ledger("TestLostOnce"), false},
	{"anothers_commit_taken_for_ours", "whatever stands in the place of a commit in doubt is taken for it", ledger("TestLostOnce|TestInDoubt"), false},
	{"sequence_handed_out_again", "a commit stored below the last one is believed", ledger("TestLogShrinksUnderWriter"), false},
	{"shorter_log_under_a_writer", "a writer goes on over a log that has become shorter", ledger("TestLogShrinksUnderWriter"), false},
	{"internal_commands_for_everybody", "anybody gives the commands of the system itself", ledger("TestEdgeRefusals"), false},
	{"forgotten_ids_accepted", "a command id older than what is remembered is taken", ledger("TestEdgeRefusals|TestRetention"), false},
	{"refusal_not_recorded", "a refusal at the edge leaves no record", ledger("TestEdgeRefusals"), false},
	{"contact_left_on_disk", "an erased contact stays in the file", ledger("TestVault"), true},
	{"timer_lost_with_a_restart", "entities read back have no timers", ledger("TestTimers"), false},

	// What derives from it.
	{"relay_skips_the_rest_of_a_commit", "a relay that begins again leaves a gap", ledger("TestRelay"), true},
	{"relay_repeats_a_commit", "a relay that begins again stores a duplicate", ledger("TestRelay"), false},
	{"derived_stream_without_order", "a derived stream takes what does not follow its last message", ledger("TestDerivedIntruder|TestTwoRelays"), false},
	{"lost_append_unnoticed", "an append that was refused is passed over", ledger("TestRelayNoticesLostAppend|TestDerivedIntruder"), false},
	{"projection_applies_out_of_place", "a read model takes a batch that does not follow its position", store("TestMemory"), true},
	{"projection_without_position", "a read model does not keep its position", store("TestMemory"), false},
	{"ack_before_apply", "a message is acknowledged before it is handled", bus("TestCloseGivesBackInOrder|TestSuiteInLanesEmbedded"), false},
	{"dead_letter_dropped", "a message that cannot be handled is thrown away", bus("TestDeadLetterWithItsReason"), false},
	{"handled_message_comes_again", "a message whose acknowledgement was lost is handled twice", bus("TestOldAcked|TestConsumerDeleted|TestSuiteIn"), false},
	{"lanes_by_message", "the events of one entity are handled side by side", bus("TestOrderWithinSubjectUnderRouter"), false},

	// The public face.
	{"idempotency_key_ignored", "a request's Idempotency-Key makes no command id", webapi("TestCommandIDs"), true},
	{"if_match_ignored", "a request's If-Match is not passed on", webapi("TestCommands"), false},
	{"cursor_signature_unchecked", "a forged cursor is read", webapi("TestListRefusals"), true},
	{"party_speaks_for_another", "a party's token speaks for another party", webapi("TestActorOf"), false},
	{"read_does_not_wait", "a read with a position does not wait for it", webapi("TestReadYourWrites|TestReadWaits"), false},
	{"actor_taken_from_the_event", "who acts is what the event says, not whose account it came through", []suite{{"services/portal", "TestEvent"}}, false},
	{"contact_in_an_event", "personal data reach the ledger", []suite{{"services/registry", "TestPrepareContact"}}, true},

	// What others see.
	{"view_uncut", "a view carries whole payloads", sharing("TestView"), true},
	{"one_field_too_many", "a view carries a field that no grant names", sharing("TestView|TestDefaultGrants"), true},
	{"actor_in_a_view", "a view tells who acted", sharing("TestView"), false},
	{"grant_before_its_cut", "a grant shows what came before it", sharing("TestView"), false},
	{"revocation_ignored", "a revoked grant goes on", sharing("TestView"), true},
	{"end_of_a_grant_ignored", "a grant goes on behind its last day", sharing("TestView"), false},
	{"region_of_a_grant_ignored", "a grant for some regions shows all", sharing("TestView"), false},
	{"party_sees_anothers_offer", "a party sees what was offered by another", sharing("TestOwn"), true},
	{"late_grant", "a change that comes behind what is written is not made good", sharing("TestOvertaken"), false},
	{"private_bound_shown", "an explanation tells a private bound", []suite{{"services/matcher", "TestPrivate|TestExplanation"}}, true},

	// Decisions.
	{"rules_of_the_wrong_day", "the newest rules judge every day", []suite{{chassis + "rules", "TestSetsByDay"}}, true},
	{"capacity_checked_outside_the_fold", "a reservation is taken whatever is left", []suite{{"services/offer", "."}}, true},
	{"reservation_expires_twice", "a reservation that is gone expires again", []suite{{"services/offer", "."}}, false},
	{"draw_without_headroom", "a draw is taken above the limit", []suite{{"services/crossborder", "."}}, true},
	{"repaid_more_than_drawn", "more is repaid than was drawn", []suite{{"services/crossborder", "."}}, false},
}
