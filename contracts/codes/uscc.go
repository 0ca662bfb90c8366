package codes

import (
	"errors"
	"fmt"
	"strings"
)

// The unified social credit code (统一社会信用代码) of GB 32100-2015 has 18
// characters: registrar 1, category 1, region 6, organisation code 9, check 1.
const (
	usccLength   = 18
	usccAlphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY" // no I O S V Z
)

// usccWeights are 3^(i-1) mod 31 for the first 17 characters.
var usccWeights = [usccLength - 1]int{1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28}

// orgWeights are those of the organisation code (组织机构代码) of GB 11714.
var orgWeights = [8]int{3, 7, 9, 10, 5, 8, 4, 2}

// USCCReason says what is wrong with a code.
type USCCReason string

const (
	USCCLength     USCCReason = "length"      // not 18 bytes long
	USCCCharacter  USCCReason = "alphabet"    // a character outside the alphabet; lower case is outside
	USCCRegionPart USCCReason = "region"      // a letter in characters 3 to 8
	USCCCheckDigit USCCReason = "check_digit" // the last character is not the computed one
)

// USCCError is the refusal of a code.
type USCCError struct {
	Reason   USCCReason
	Position int    // 1 to 18, the character meant; 0 for USCCLength
	Want     string // the right check character, for USCCCheckDigit only
}

func (e *USCCError) Error() string { return e.Text().En }

// Text says what is wrong in a sentence for people.
func (e *USCCError) Text() Text {
	switch e.Reason {
	case USCCLength:
		return Text{"统一社会信用代码必须为 18 位", "a unified social credit code has 18 characters"}
	case USCCCharacter:
		return Text{
			fmt.Sprintf("统一社会信用代码第 %d 位不是允许的字符（数字或除 I、O、S、V、Z 外的大写字母）", e.Position),
			fmt.Sprintf("character %d of the unified social credit code is not a digit or a capital letter other than I, O, S, V, Z", e.Position),
		}
	case USCCRegionPart:
		return Text{
			fmt.Sprintf("统一社会信用代码第 %d 位属于行政区划码，必须为数字", e.Position),
			fmt.Sprintf("character %d of the unified social credit code is part of the region and must be a digit", e.Position),
		}
	}
	return Text{
		"统一社会信用代码校验位错误，应为 " + e.Want,
		"the check character of the unified social credit code is wrong, it should be " + e.Want,
	}
}

// CheckUSCC returns nil for a well-formed code with the right check character,
// else a *USCCError with the first reason found. It does not ask whether the
// region is known (see USCCRegion). Some codes that Fujian's pilot really issued
// fail the check character: a registry admits those by a named override, so a
// refusal for USCCCheckDigit alone is not proof of a wrong code.
func CheckUSCC(code string) error {
	if len(code) != usccLength {
		return &USCCError{Reason: USCCLength}
	}
	if err := checkUSCCPart(code); err != nil {
		return err
	}
	if want := usccCheck(code[:usccLength-1]); code[usccLength-1] != want {
		return &USCCError{Reason: USCCCheckDigit, Position: usccLength, Want: string(want)}
	}
	return nil
}

// checkUSCCPart checks alphabet and structure of the beginning of a code.
func checkUSCCPart(part string) error {
	for i := range len(part) {
		position := i + 1
		switch {
		case strings.IndexByte(usccAlphabet, part[i]) < 0:
			return &USCCError{Reason: USCCCharacter, Position: position}
		case position >= 3 && position <= 8 && part[i] > '9':
			return &USCCError{Reason: USCCRegionPart, Position: position}
		}
	}
	return nil
}

// usccCheck returns the check character: 31 - (sum mod 31), where 31 becomes 0.
func usccCheck(first17 string) byte {
	sum := 0
	for i, w := range usccWeights {
		sum += w * strings.IndexByte(usccAlphabet, first17[i])
	}
	return usccAlphabet[(31-sum%31)%31]
}

// USCCRegion returns the six digits of the region of GB/T 2260 in which the
// holder was first registered, or "" where the code is not of 18 characters with
// digits there. The region may be revoked or unknown: RegionNearest resolves it
// as far as possible. 100000 stands for the national registration authority.
func USCCRegion(code string) string {
	if len(code) != usccLength || strings.Trim(code[2:8], "0123456789") != "" {
		return ""
	}
	return code[2:8]
}

// USCCOrgCheck tells whether the organisation code inside (characters 9 to 17)
// passes its own mod 11 check of GB 11714. It is good for a warning only: a
// failure does not make a code invalid, and passing does not make it valid.
func USCCOrgCheck(code string) bool {
	if len(code) != usccLength || checkUSCCPart(code) != nil {
		return false
	}
	return code[16] == orgCheck(code[8:16])
}

// orgCheck returns the check character of the organisation code: 11 - (sum mod
// 11), where 10 becomes X and 11 becomes 0. Letters count from A = 10 without
// gaps, unlike in the social credit code.
func orgCheck(first8 string) byte {
	sum := 0
	for i, w := range orgWeights {
		v := int(first8[i] - '0')
		if first8[i] >= 'A' {
			v = int(first8[i]-'A') + 10
		}
		sum += w * v
	}
	return "0123456789X"[(11-sum%11)%11]
}

// MakeUSCC returns the valid code of an enterprise (registrar 9, category 1) in
// a six-digit region with an organisation code: eight characters, to which its
// own check character is added, or all nine. It is for samples and tests: a code
// made here belongs to nobody, or to somebody by chance.
func MakeUSCC(region, org string) (string, error) {
	if len(region) != 6 {
		return "", errors.New("the region has six digits")
	}
	if len(org) != 8 && len(org) != 9 {
		return "", errors.New("the organisation code has eight or nine characters")
	}
	body := "91" + region + org
	if err := checkUSCCPart(body); err != nil {
		return "", err
	}
	if len(org) == 8 {
		body += string(orgCheck(org))
	}
	return body + string(usccCheck(body)), nil
}
