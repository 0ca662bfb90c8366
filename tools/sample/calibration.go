package sample

// Calibration: coarse aggregates computed from public record sets. They are the only thing taken from them.
//
//   - loans: approved amounts in USD and terms in months of 2,101 guaranteed loans to small firms (California, 1988 to 2011,
//     public domain);
//   - rounds: amounts in USD of 573 seed and 792 later rounds with a known amount (2015-01 to 2017-06, CC0);
//   - industries and regions: per mille of 5,448 companies listed in mainland China (to 2025-11), industries mapped to
//     divisions of GB/T 4754-2017 and cut to those that technology enterprises are mostly in.
//
// What no record set gives (stages, headcounts, revenues, titles, prices) is an assumption and marked as one below.

// quantile is one point of a distribution: p in 0 to 1.
type quantile struct {
	p     float64
	value float64
}

// yuanPerDollar carries the shape of the dollar amounts over to yuan: a round figure, not the rate of any day.
const yuanPerDollar = 7

var (
	loanUSD = []quantile{{0.01, 5_000}, {0.05, 10_000}, {0.10, 12_500}, {0.25, 30_000}, {0.50, 62_000}, {0.75, 300_000}, {0.90, 700_000}, {0.95, 1_000_000}, {0.99, 1_530_000}}
	seedUSD = []quantile{{0.05, 50_000}, {0.25, 165_000}, {0.50, 350_000}, {0.75, 600_000}, {0.95, 1_360_000}, {0.99, 2_584_000}}
	peUSD   = []quantile{{0.05, 761_000}, {0.25, 2_000_000}, {0.50, 5_000_000}, {0.75, 15_000_000}, {0.95, 75_000_000}, {0.99, 266_300_000}}

	loanMonths = []quantile{{0.01, 7}, {0.05, 25}, {0.10, 36}, {0.25, 60}, {0.50, 84}, {0.75, 240}, {0.90, 300}, {0.99, 300}}
)

// weighted is a code with its weight, per mille of its record set.
type weighted struct {
	code   string
	weight int
}

var industryMix = []weighted{
	{"C39", 128}, {"C35", 99}, {"C38", 79}, {"C26", 67}, {"C27", 55}, {"I65", 52}, {"C36", 50}, {"C34", 28}, {"C32", 23}, {"C37", 23},
	{"N77", 22}, {"C30", 20}, {"C40", 19}, {"C29", 17}, {"D44", 15}, {"I64", 15}, {"C31", 11}, {"C28", 6}, {"D46", 3}, {"I63", 1},
}

var provinceMix = []weighted{
	{"440000", 163}, {"330000", 134}, {"320000", 132}, {"110000", 88}, {"310000", 83}, {"370000", 57}, {"340000", 34}, {"510000", 33},
	{"350000", 32}, {"420000", 28}, {"430000", 27}, {"410000", 20}, {"360000", 17}, {"210000", 15}, {"130000", 15}, {"610000", 15},
	{"500000", 14}, {"120000", 13}, {"650000", 11}, {"220000", 9}, {"450000", 8}, {"140000", 8}, {"530000", 7}, {"230000", 7},
	{"620000", 6}, {"520000", 6}, {"150000", 5}, {"460000", 5}, {"540000", 4}, {"640000", 3}, {"630000", 2},
}

// Assumptions.

var stageMix = []weighted{{"seed", 100}, {"startup", 250}, {"growth", 350}, {"expansion", 200}, {"mature", 100}}

// stageShape says what a stage usually looks like.
type stageShape struct {
	ageYearsMin, ageYearsMax   int
	employeesMin, employeesMax int
}

var stageShapes = map[string]stageShape{
	"seed":      {0, 2, 2, 15},
	"startup":   {1, 4, 5, 60},
	"growth":    {3, 9, 30, 300},
	"expansion": {6, 15, 150, 1_000},
	"mature":    {10, 25, 400, 4_000},
}

var partyMix = []weighted{
	{"bank", 420}, {"vc", 150}, {"pe", 100}, {"angel", 60}, {"insurer", 70}, {"guarantor", 70}, {"leasing", 60}, {"aic", 30}, {"underwriter", 40},
}

// brands and trades make names. They name nobody: two syllables drawn at random, and the number behind them marks the sample.
var brands = []string{"云澜", "启衡", "星野", "瀚辰", "锐方", "凌川", "光屿", "智禾", "远图", "新砺", "芯澄", "海曜", "蓝序", "博岭", "天枢", "青穹", "致元", "澄湾", "翼辰", "木棉"}

var trades = map[string]string{
	"C39": "微电子", "C35": "智能装备", "C38": "电气", "C26": "新材料", "C27": "生物医药", "I65": "软件", "C36": "汽车科技", "C34": "精密机械",
	"C32": "有色材料", "C37": "航空科技", "N77": "环境科技", "C30": "先进陶瓷", "C40": "仪器", "C29": "高分子", "D44": "新能源", "I64": "网络科技",
	"C31": "特钢", "C28": "纤维材料", "D46": "水务科技", "I63": "通信",
}

// focusOf is the field of the strategic emerging industries that a division mostly serves.
var focusOf = map[string]string{
	"C39": "sei_information", "I65": "sei_information", "I64": "sei_digital_creative", "I63": "sei_information",
	"C34": "sei_equipment", "C35": "sei_equipment", "C37": "sei_equipment", "C40": "sei_equipment",
	"C26": "sei_materials", "C28": "sei_materials", "C29": "sei_materials", "C30": "sei_materials", "C31": "sei_materials", "C32": "sei_materials",
	"C27": "sei_biology", "C36": "sei_vehicles", "C38": "sei_energy", "D44": "sei_energy", "N77": "sei_environment", "D46": "sei_environment",
}
