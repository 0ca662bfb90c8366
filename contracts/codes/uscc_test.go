package codes

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestCheckUSCC(t *testing.T) {
	for code, want := range map[string]USCCError{
		"91350100M000100Y43":    {}, // golden vector, sum 1640
		"91350100M000100Y4Z":    {USCCCharacter, 18, ""},
		"91350100M000100Y44":    {USCCCheckDigit, 18, "3"},
		"91350100m000100Y43":    {USCCCharacter, 9, ""},
		"9135010OM000100Y43":    {USCCCharacter, 8, ""},
		"A1110000600037341L":    {USCCCheckDigit, 18, "K"}, // one more than 9 in front: one less behind than L
		"911A0000600037341L":    {USCCRegionPart, 4, ""},
		"12345678":              {USCCLength, 0, ""},
		"":                      {USCCLength, 0, ""},
		"91350100M000100Y43 ":   {USCCLength, 0, ""},
		"91350100M000100Y4\x00": {USCCCharacter, 18, ""},
		"９１３５０１":                {USCCCharacter, 1, ""}, // six full-width digits are 18 bytes
	} {
		err := CheckUSCC(code)
		if want == (USCCError{}) {
			if err != nil {
				t.Errorf("%s: %v", code, err)
			}
			continue
		}
		var got *USCCError
		if !errors.As(err, &got) {
			t.Errorf("%q: got %v", code, err)
			continue
		}
		if *got != want {
			t.Errorf("%q: got %+v, want %+v", code, *got, want)
		}
		if got.Text().Zh == "" || got.Error() == "" {
			t.Errorf("%q: no sentence", code)
		}
	}
}

func TestUSCCRegion(t *testing.T) {
	for code, want := range map[string]string{
		"91350100M000100Y43": "350100",
		"91350100M000100Y44": "350100", // a wrong check character does not hide it
		"911A0000600037341L": "", "12345678": "", "": "",
	} {
		if got := USCCRegion(code); got != want {
			t.Errorf("USCCRegion(%q) = %q, want %q", code, got, want)
		}
	}
}

func TestUSCCOrgCheck(t *testing.T) {
	if !USCCOrgCheck("91350100M000100Y43") {
		t.Error("the golden vector's organisation code fails")
	}
	for _, code := range []string{"91350100M000100Y53", "91350100M000100XY3", "", "91350100m000100Y43"} {
		if USCCOrgCheck(code) {
			t.Errorf("%q passes", code)
		}
	}
}

// Every code made is valid, and no single changed character goes unnoticed: the
// weights are units modulo the prime 31.
func TestMadeUSCCIsValidAndGuarded(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	rng := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	regions := AllRegions()
	checks := map[byte]bool{}
	for range 3000 {
		org := make([]byte, 8)
		for i := range org {
			org[i] = usccAlphabet[rng.IntN(len(usccAlphabet))]
		}
		region := regions[rng.IntN(len(regions))].Code
		code, err := MakeUSCC(region, string(org))
		if err != nil {
			t.Fatalf("seed %d: MakeUSCC(%s, %s): %v", seed, region, org, err)
		}
		if err := CheckUSCC(code); err != nil || USCCRegion(code) != region || !USCCOrgCheck(code) {
			t.Fatalf("seed %d: %s of %s: %v", seed, code, region, err)
		}
		checks[code[17]] = true

		at := rng.IntN(usccLength)
		other := usccAlphabet[rng.IntN(len(usccAlphabet))]
		if other == code[at] {
			continue
		}
		broken := code[:at] + string(other) + code[at+1:]
		if CheckUSCC(broken) == nil {
			t.Fatalf("seed %d: %s passes as %s", seed, code, broken)
		}
	}
	// Among them the trap where 31 becomes 0.
	if len(checks) != len(usccAlphabet) {
		t.Errorf("seed %d: only %d check characters of %d came up", seed, len(checks), len(usccAlphabet))
	}
}

func TestMakeUSCC(t *testing.T) {
	for _, org := range []string{"M000100Y", "M000100Y4"} {
		if got, err := MakeUSCC("350100", org); err != nil || got != "91350100M000100Y43" {
			t.Errorf("MakeUSCC(350100, %s) = %s, %v", org, got, err)
		}
	}
	for _, c := range [][2]string{{"35010", "M000100Y"}, {"35010A", "M000100Y"}, {"350100", "M00010"}, {"350100", "M000100I"}, {"350100", strings.ToLower("M000100Y")}} {
		if got, err := MakeUSCC(c[0], c[1]); err == nil {
			t.Errorf("MakeUSCC(%s, %s) = %s", c[0], c[1], got)
		}
	}
}

func FuzzCheckUSCC(f *testing.F) {
	f.Add("91350100M000100Y43")
	f.Add("91350100M000100Y4Z")
	f.Fuzz(func(t *testing.T, code string) {
		region := USCCRegion(code)
		USCCOrgCheck(code)
		if CheckUSCC(code) == nil && (len(region) != 6 || code != strings.ToUpper(code)) {
			t.Errorf("%q passes", code)
		}
	})
}
