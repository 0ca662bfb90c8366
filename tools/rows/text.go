package rows

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// LineBytesMax bounds one line: the bus refuses bodies far smaller.
const LineBytesMax = 1 << 20

const (
	sniffBytes  = 64 << 10
	readerBytes = 256 << 10
)

var bom = []byte("\xef\xbb\xbf")

// ErrLineTooLong ends the reading of a CSV file: a quoted field that is never closed would otherwise swallow the file.
var ErrLineTooLong = errors.New("a line is longer than 1 MiB")

// openText opens a file as UTF-8 without byte order mark. A CSV file that does not begin as UTF-8 is taken as GB18030,
// the encoding that Chinese spreadsheets save by default.
func openText(name string, guessChinese bool) (io.Reader, io.Closer, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	r := bufio.NewReaderSize(f, readerBytes)
	head, err := r.Peek(sniffBytes)
	if err != nil && err != io.EOF {
		f.Close()
		return nil, nil, err
	}
	if bytes.HasPrefix(head, bom) {
		if _, err := r.Discard(len(bom)); err != nil {
			f.Close()
			return nil, nil, err
		}
		return r, f, nil
	}
	if guessChinese && !beginsAsUTF8(head) {
		return simplifiedchinese.GB18030.NewDecoder().Reader(r), f, nil
	}
	return r, f, nil
}

// beginsAsUTF8 ignores a character that the end of the head cuts in two.
func beginsAsUTF8(head []byte) bool {
	for range utf8.UTFMax {
		if utf8.Valid(head) {
			return true
		}
		if len(head) < sniffBytes-utf8.UTFMax {
			return false // the whole file is here: nothing has been cut
		}
		head = head[:len(head)-1]
	}
	return utf8.Valid(head)
}

// lineGuard fails when no line ends within LineBytesMax.
type lineGuard struct {
	r     io.Reader
	since int
}

func (g *lineGuard) Read(p []byte) (int, error) {
	n, err := g.r.Read(p)
	if last := bytes.LastIndexByte(p[:n], '\n'); last >= 0 {
		g.since = n - last - 1
	} else {
		g.since += n
	}
	if g.since > LineBytesMax {
		return 0, ErrLineTooLong
	}
	return n, err
}

// countLines estimates the rows of a file for a progress bar; 0 when it cannot be read.
func countLines(name string) int {
	f, err := os.Open(name)
	if err != nil {
		return 0
	}
	defer f.Close()
	buf := make([]byte, readerBytes)
	lines, last := 0, byte('\n')
	for {
		n, err := f.Read(buf)
		lines += bytes.Count(buf[:n], []byte{'\n'})
		if n > 0 {
			last = buf[n-1]
		}
		if err != nil {
			if last != '\n' {
				lines++
			}
			return lines
		}
	}
}
