package party

import (
	"encoding/base64"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
)

func field(list string, i int) string { return list + "/" + strconv.Itoa(i) }

// checkRegistration holds what a schema cannot say and no clock is needed for: Prepare asks it before it puts a contact away.
func checkRegistration(subject string, d *events.RegisterParty) error {
	if d.ID != subject {
		return events.ErrMismatch.Refuse("/id", "命令主题应为机构编号", "the command's subject is the party's id")
	}
	if !events.ValidID(d.ID) {
		return events.ErrID.Refuse("/id", "机构编号含有不允许的字符", "the party's id has characters that are not allowed")
	}
	if _, ok := codes.PartyKind(d.Kind); !ok {
		return events.ErrCode.Refusef("/kind", "没有机构类型 %s", "there is no kind of party %s", d.Kind)
	}
	if d.USCC != "" {
		if err := codes.CheckUSCC(d.USCC); err != nil {
			text := codes.Text{Zh: err.Error(), En: err.Error()}
			var wrong *codes.USCCError
			if errors.As(err, &wrong) {
				text = wrong.Text()
			}
			return events.ErrUSCC.Refuse("/uscc", text.Zh, text.En)
		}
	}
	if d.Region != "" {
		if err := checkRegion(d.Region); err != nil {
			return err
		}
	}
	if len(d.Licences) > LicencesMax {
		return tooMany("/licences", LicencesMax)
	}
	for i, l := range d.Licences {
		if slices.ContainsFunc(d.Licences[:i], func(o events.Licence) bool { return o.Licence == l.Licence && o.Number == l.Number }) {
			return events.ErrExists.Refuse(field("/licences", i)+"/number", "牌照重复", "the licence is listed twice")
		}
	}
	if len(d.Members) > 0 && d.Kind != KindAlliance {
		return events.ErrSchema.Refuse("/members", "只有联盟有成员", "only an alliance has members")
	}
	if len(d.Members) > MembersMax {
		return tooMany("/members", MembersMax)
	}
	for i, m := range d.Members {
		if err := checkMember(field("/members", i), d.ID, m); err != nil {
			return err
		}
	}
	return nil
}

func checkRegion(region string) error {
	if _, ok := codes.Region(region); !ok {
		return events.ErrRegion.Refusef("/region", "行政区划 %s 不存在", "there is no region %s", region)
	}
	return nil
}

func checkMember(at, alliance, member string) error {
	if !events.ValidID(member) {
		return events.ErrID.Refuse(at, "成员编号含有不允许的字符", "the member's id has characters that are not allowed")
	}
	if member == alliance {
		return events.ErrID.Refuse(at, "联盟不能是自己的成员", "an alliance is no member of itself")
	}
	return nil
}

func checkLicence(at string, d *events.Licence, now time.Time) error {
	if _, ok := codes.Licence(d.Licence); !ok {
		return events.ErrCode.Refusef(at+"/licence", "没有牌照类型 %s", "there is no kind of licence %s", d.Licence)
	}
	if _, err := d.ValidFrom.Start(); err != nil {
		return badDate(at + "/valid_from")
	}
	if d.ValidTo == "" {
		return nil
	}
	if _, err := d.ValidTo.Start(); err != nil {
		return badDate(at + "/valid_to")
	}
	if d.ValidTo.Before(d.ValidFrom) {
		return events.ErrDates.Refuse(at+"/valid_to", "截止日早于起始日", "the last day is before the first")
	}
	if d.ValidTo.Before(events.DateOf(now)) {
		return events.ErrValidity.Refuse(at+"/valid_to", "牌照已过期", "the licence has expired already")
	}
	return nil
}

// checkUnit holds the tree: the parent is there and open, the depth and the authority limits hold.
func checkUnit(s *Party, d *events.Unit) error {
	if !events.ValidID(d.Unit) {
		return events.ErrID.Refuse("/unit", "层级编号含有不允许的字符", "the unit's id has characters that are not allowed")
	}
	if !slices.Contains(unitKinds, d.Kind) {
		return events.ErrCode.Refusef("/kind", "没有层级类型 %s", "there is no kind of unit %s", d.Kind)
	}
	if err := checkRegion(d.Region); err != nil {
		return err
	}
	if d.Parent != "" {
		switch parent := s.Unit(d.Parent); {
		case parent == nil:
			return events.ErrNotFound.Refuse("/parent", "没有该上级", "there is no such parent")
		case parent.Closed:
			return events.ErrState.Refuse("/parent", "上级已关闭 (closed)", "the parent is closed")
		case s.depth(d.Parent) >= DepthMax:
			return events.ErrRange.Refusef("/parent", "最多 %d 级", "at most %d levels", DepthMax)
		}
	}
	if err := checkAuthority(s, d); err != nil {
		return err
	}
	if len(s.Units) >= UnitsMax {
		return tooMany("/unit", UnitsMax)
	}
	size := unitBytes(d)
	for _, u := range s.Units {
		size += unitBytes(&u.Unit)
	}
	if size > UnitsBytesMax {
		return events.ErrTooLarge.Refusef("/unit", "全部层级合计最多 %d 字节", "all units together have at most %d bytes", UnitsBytesMax)
	}
	return nil
}

func checkAuthority(s *Party, d *events.Unit) error {
	limit := d.AuthorityLimit
	if limit == nil {
		return nil
	}
	if limit.Minor <= 0 {
		return events.ErrMoney.Refuse("/authority_limit", "权限金额应大于零", "an authority limit is above zero")
	}
	if _, ok := codes.Currency(limit.Currency); !ok {
		return events.ErrCurrency.Refusef("/authority_limit/currency", "未知的货币 %s", "unknown currency %s", limit.Currency)
	}
	above := s.AuthorityLimit(d.Parent)
	switch {
	case above == nil:
	case above.Currency != limit.Currency:
		return events.ErrCurrency.Refusef("/authority_limit/currency", "须与上级权限同为 %s", "it must be in %s as the limit above it", above.Currency)
	case limit.Minor > above.Minor:
		return events.ErrAuthority.Refusef("/authority_limit", "超过上级权限 %s", "it is above the limit %s over it", *above)
	}
	return nil
}

func checkKey(d *events.Key, now time.Time) error {
	if !events.ValidID(d.KeyID) {
		return events.ErrID.Refuse("/key_id", "密钥编号含有不允许的字符", "the key's id has characters that are not allowed")
	}
	public, err := base64.StdEncoding.Strict().DecodeString(d.Public)
	if err != nil {
		return events.ErrSchema.Refuse("/public", "公钥应为标准 Base64", "the public key is standard base64")
	}
	switch d.Algorithm {
	case "ed25519":
		if len(public) != 32 {
			return events.ErrSchema.Refuse("/public", "Ed25519 公钥为 32 字节", "an Ed25519 public key has 32 bytes")
		}
	case "sm2":
		uncompressed := len(public) == 65 && public[0] == 4
		compressed := len(public) == 33 && (public[0] == 2 || public[0] == 3)
		if !uncompressed && !compressed {
			return events.ErrSchema.Refuse("/public", "SM2 公钥为 65 字节（04 开头）或压缩的 33 字节", "an SM2 public key has 65 bytes beginning with 04, or 33 compressed")
		}
	default:
		return events.ErrCode.Refuse("/algorithm", "算法应为 ed25519 或 sm2", "the algorithm is ed25519 or sm2")
	}
	if d.ValidTo == "" {
		return nil
	}
	if _, err := d.ValidTo.Start(); err != nil {
		return badDate("/valid_to")
	}
	if d.ValidTo.Before(events.DateOf(now)) {
		return events.ErrValidity.Refuse("/valid_to", "密钥已过期", "the key has expired already")
	}
	return nil
}

func active(s *Party) error {
	if s.Status == StatusSuspended {
		return events.ErrState.Refuse("", "机构状态为暂停 (suspended)", "the party is suspended")
	}
	return nil
}

func badDate(at string) error {
	return events.ErrDates.Refuse(at, "日期格式应为 YYYY-MM-DD 且真实存在", "a date is YYYY-MM-DD and must exist")
}

func tooMany(at string, limit int) error {
	return events.ErrRange.Refusef(at, "最多 %d 项", "at most %d", limit)
}

func notTaken(typ string) error {
	return events.ErrUnknownType.Refusef("", "机构登记不受理 %s", "the registry of parties does not take %s", typ)
}

func sameUnit(a, b *events.Unit) bool {
	x, y := *a, *b
	same := x.AuthorityLimit == nil && y.AuthorityLimit == nil ||
		x.AuthorityLimit != nil && y.AuthorityLimit != nil && *x.AuthorityLimit == *y.AuthorityLimit
	x.AuthorityLimit, y.AuthorityLimit = nil, nil
	return same && x == y
}

// unitBytes is an upper bound of a unit's length as JSON, without encoding it.
func unitBytes(u *events.Unit) int {
	const frame = 160 // names of the fields, an authority limit, "closed"
	return frame + jsonBytes(u.Unit) + jsonBytes(u.Parent) + len(u.Kind) + jsonBytes(u.Name) + len(u.Region)
}

func jsonBytes(s string) int {
	n := len(s)
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c < 0x20, c == '<', c == '>', c == '&', c == '"', c == '\\':
			n += 5 // \u003c
		case c == 0xe2:
			n += 3 // maybe U+2028, which is written as an escape
		}
	}
	return n
}
