package events

import (
	"errors"
	"fmt"
	"slices"
)

// Kind says whether a type is asked for (command) or has happened (event).
type Kind uint8

// Kinds of messages.
const (
	Command Kind = iota + 1
	Fact
)

// Entry is one type of the bus.
type Entry struct {
	Type      string
	Context   string
	Kind      Kind
	Internal  bool // a command that only a service itself may give (timers, the matcher): refused at every door
	DataClass int  // highest class (JR/T 0197, 1 to 5) of the payload's fields; 0 for commands, which are not shared
	new       func() any
}

// New returns a pointer to a zero payload.
func (e Entry) New() any { return e.new() }

// Contexts of the bus, in the order they start.
var Contexts = []string{"policy", "enterprise", "party", "demand", "offer", "bond", "crossborder", "match", "sharing"}

func command[T any](typ string) Entry { return entry[T](typ, Command, 0) }

func internal[T any](typ string) Entry {
	e := entry[T](typ, Command, 0)
	e.Internal = true
	return e
}

func fact[T any](typ string, class int) Entry { return entry[T](typ, Fact, class) }

func entry[T any](typ string, kind Kind, class int) Entry {
	context, _ := SplitType(typ)
	return Entry{Type: typ, Context: context, Kind: kind, DataClass: class, new: func() any { return new(T) }}
}

// Catalog lists every type of the bus: contracts/schemas has a schema for each, and a test holds the two together.
var Catalog = []Entry{
	command[AdoptRuleSet](TypeAdoptRuleSet),
	fact[RuleSetAdopted](TypeRuleSetAdopted, 1),
	fact[RuleSetClosed](TypeRuleSetClosed, 1),
	fact[RuleChanged](TypeRuleChanged, 1),

	command[RegisterEnterprise](TypeRegisterEnterprise),
	command[Profile](TypeProfileEnterprise),
	command[Title](TypeTitleEnterprise),
	internal[TitleRef](TypeExpireTitle),
	command[Authorisation](TypeAuthoriseUser),
	command[UserRef](TypeRevokeAuthorisation),
	command[Consent](TypeConsent),
	command[ConsentRef](TypeWithdrawConsent),
	command[Reason](TypeSuspendEnterprise),
	command[Reason](TypeReinstateEnterprise),
	command[Reason](TypeEraseContact),
	fact[EnterpriseRegistered](TypeEnterpriseRegistered, 3),
	fact[Profile](TypeEnterpriseProfiled, 3),
	fact[Title](TypeEnterpriseTitled, 2),
	fact[TitleRef](TypeTitleExpired, 2),
	fact[Authorisation](TypeUserAuthorised, 3),
	fact[UserRef](TypeAuthorisationRevoked, 3),
	fact[Consent](TypeConsented, 3),
	fact[ConsentRef](TypeConsentWithdrawn, 3),
	fact[Reason](TypeEnterpriseSuspended, 3),
	fact[Reason](TypeEnterpriseReinstated, 3),
	fact[Reason](TypeContactErased, 2),

	command[RegisterParty](TypeRegisterParty),
	command[Licence](TypeLicenseParty),
	command[LicenceRef](TypeRevokeLicence),
	command[Unit](TypeAddUnit),
	command[UnitRef](TypeCloseUnit),
	command[Key](TypeAddKey),
	command[KeyRef](TypeRevokeKey),
	command[MemberRef](TypeJoinParty),
	command[MemberRef](TypeLeaveParty),
	command[Reason](TypeSuspendParty),
	command[Reason](TypeReinstateParty),
	command[Reason](TypeErasePartyContact),
	fact[PartyRegistered](TypePartyRegistered, 3),
	fact[Licence](TypePartyLicensed, 1),
	fact[LicenceRef](TypeLicenceRevoked, 2),
	fact[Unit](TypeUnitAdded, 2),
	fact[UnitRef](TypeUnitClosed, 2),
	fact[Key](TypeKeyAdded, 1),
	fact[KeyRef](TypeKeyRevoked, 2),
	fact[MemberRef](TypePartyJoined, 1),
	fact[MemberRef](TypePartyLeft, 1),
	fact[Reason](TypePartySuspended, 3),
	fact[Reason](TypePartyReinstated, 3),
	fact[Reason](TypePartyContactErased, 2),

	command[PublishDemand](TypePublishDemand),
	command[AmendDemand](TypeAmendDemand),
	command[Reason](TypeWithdrawDemand),
	internal[Empty](TypeExpireDemand),
	command[Hold](TypeHoldDemand),
	command[HoldRef](TypeReleaseHold),
	internal[HoldRef](TypeExpireHold),
	command[FillDemand](TypeFillDemand),
	fact[DemandPublished](TypeDemandPublished, 3),
	fact[DemandAmended](TypeDemandAmended, 3),
	fact[Reason](TypeDemandWithdrawn, 2),
	fact[Expired](TypeDemandExpired, 2),
	fact[Hold](TypeDemandHeld, 3),
	fact[DemandHoldReleased](TypeDemandHoldReleased, 3),
	fact[DemandFilled](TypeDemandFilled, 3),
	fact[DemandFulfilled](TypeDemandFulfilled, 3),

	command[PublishOffer](TypePublishOffer),
	command[AmendOffer](TypeAmendOffer),
	command[Reason](TypePauseOffer),
	command[Empty](TypeResumeOffer),
	command[Reason](TypeWithdrawOffer),
	internal[Empty](TypeExpireOffer),
	command[Reserve](TypeReserveCapacity),
	command[ReservationRef](TypeReleaseCapacity),
	internal[ReservationRef](TypeExpireReservation),
	command[CommitCapacity](TypeCommitCapacity),
	fact[OfferPublished](TypeOfferPublished, 3),
	fact[OfferAmended](TypeOfferAmended, 3),
	fact[Reason](TypeOfferPaused, 2),
	fact[Empty](TypeOfferResumed, 1),
	fact[Reason](TypeOfferWithdrawn, 2),
	fact[Expired](TypeOfferExpired, 2),
	fact[Reserve](TypeCapacityReserved, 3),
	fact[CapacityReleased](TypeCapacityReleased, 3),
	fact[CapacityCommitted](TypeCapacityCommitted, 3),
	fact[OfferExhausted](TypeOfferExhausted, 3),

	command[ApplyBond](TypeApplyBond),
	command[ResubmitBond](TypeResubmitBond),
	command[Empty](TypeTriageBond),
	command[DockBond](TypeDockBond),
	command[BondEnhancement](TypeEnhanceBond),
	command[BondRating](TypeRateBond),
	command[BondFiling](TypeFileBond),
	command[BondRegistration](TypeRegisterBond),
	command[BondIssue](TypeIssueBond),
	command[ReturnBond](TypeReturnBond),
	command[Reason](TypeRejectBond),
	command[Reason](TypeWithdrawBond),
	fact[BondApplied](TypeBondApplied, 3),
	fact[BondResubmitted](TypeBondResubmitted, 3),
	fact[BondTriage](TypeBondTriaged, 3),
	fact[BondDocked](TypeBondDocked, 2),
	fact[BondEnhancement](TypeBondEnhanced, 3),
	fact[BondRating](TypeBondRated, 2),
	fact[BondFiling](TypeBondFiled, 2),
	fact[BondRegistration](TypeBondRegistered, 2),
	fact[BondIssue](TypeBondIssued, 3),
	fact[BondReturned](TypeBondReturned, 3),
	fact[Reason](TypeBondRejected, 2),
	fact[Reason](TypeBondWithdrawn, 2),
	internal[BreachBondClock](TypeBreachBondClock),
	internal[BondClockRef](TypeComputeBondClock),
	fact[BondClock](TypeBondClockStarted, 2),
	fact[BondClockComputed](TypeBondClockComputed, 2),
	fact[BondClockBreached](TypeBondClockBreached, 2),
	command[AllocateBond](TypeAllocateBond),
	command[ReleaseBondAllocation](TypeReleaseBondAllocation),
	fact[BondAllocated](TypeBondAllocated, 3),
	fact[BondAllocationReleased](TypeBondAllocationReleased, 3),

	command[AssessBorrower](TypeAssessBorrower),
	internal[Empty](TypeApplyRules),
	command[FileContract](TypeFileContract),
	command[DrawContract](TypeDraw),
	command[RepayContract](TypeRepay),
	command[ExtendContract](TypeExtendContract),
	command[ContractRef](TypeCloseContract),
	command[ContractReason](TypeCancelContract),
	command[ContractReason](TypeRefuseContract),
	command[Reason](TypeExcludeBorrower),
	command[Reason](TypeReadmitBorrower),
	command[Reason](TypeWithdrawBorrower),
	fact[BorrowerAssessed](TypeBorrowerAssessed, 3),
	fact[LimitChanged](TypeLimitChanged, 3),
	fact[ContractFiled](TypeContractFiled, 3),
	fact[Drawn](TypeDrawn, 3),
	fact[Repaid](TypeRepaid, 3),
	fact[ContractExtended](TypeContractExtended, 3),
	fact[ContractRef](TypeContractClosed, 2),
	fact[ContractReason](TypeContractCancelled, 2),
	fact[ContractReason](TypeContractRefused, 2),
	fact[Reason](TypeBorrowerExcluded, 2),
	fact[Reason](TypeBorrowerReadmitted, 2),
	fact[Reason](TypeBorrowerWithdrawn, 2),

	internal[Recommendation](TypeRecommend),
	internal[LeadsFound](TypeFindLeads),
	fact[Recommendation](TypeRecommended, 3),
	fact[LeadsFound](TypeLeadsFound, 2),

	command[Grant](TypeGrant),
	command[GrantRef](TypeRevokeGrant),
	fact[Grant](TypeGranted, 1),
	fact[GrantRef](TypeGrantRevoked, 1),
}

var byType = func() map[string]Entry {
	m := make(map[string]Entry, len(Catalog))
	for _, e := range Catalog {
		m[e.Type] = e
	}
	return m
}()

// Lookup finds a type of the bus.
func Lookup(typ string) (Entry, bool) {
	e, ok := byType[typ]
	return e, ok
}

// IsContext reports whether a context exists.
func IsContext(context string) bool { return slices.Contains(Contexts, context) }

// ErrNewerType says that a type is not in the catalogue: with versions side by side a newer one has written it. Fields that are not known
// are passed over; a reader for whom a type means nothing passes that over, too.
var ErrNewerType = errors.New("events: a type that this version does not know")

// DecodeData reads a payload into its Go type. It does not validate: the edge has done that, and the ledger holds only what passed.
func DecodeData(typ string, data []byte) (any, error) {
	e, ok := byType[typ]
	if !ok {
		return nil, fmt.Errorf("%w: %q", ErrNewerType, typ)
	}
	v := e.new()
	if err := Unmarshal(data, v); err != nil {
		return nil, fmt.Errorf("events: payload of %s: %w", typ, err)
	}
	return v, nil
}
