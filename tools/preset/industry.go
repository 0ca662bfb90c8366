package preset

// listedIndustry maps the industry names of the listed-company table to GB/T 4754-2017. The names are those of an exchange
// data vendor, about 110, coarser and cut otherwise than the standard. The rules of the mapping:
//
//   - a name that is plainly one division gets that division;
//   - a name that lies in one group gets the group (C398 for components), because the clause "within C39" still holds;
//   - a name that several divisions share gets the one that most firms of that name report (pharmaceutical trade: wholesale F51);
//   - a conglomerate (综合类) gets L72 business services, whose group L721 holds the managing of several lines (综合管理).
//
// The mapping is coarse by design: it serves matching by division, never statistics.
var listedIndustry = map[string]string{
	// A, B: farming and mining
	"种植业": "A01", "农业综合": "A05", "林业": "A02", "渔业": "A04", "饲料": "C13",
	"煤炭开采": "B06", "石油开采": "B07", "黄金": "B09", "铅锌": "C32", "铜": "C32", "铝": "C32", "小金属": "C32",
	// C: consumer goods
	"食品": "C14", "乳制品": "C14", "白酒": "C15", "啤酒": "C15", "红黄酒": "C15", "软饮料": "C15",
	"纺织": "C17", "服饰": "C18", "家居用品": "C21", "造纸": "C22", "文教休闲": "C24", "广告包装": "C23",
	"家用电器": "C38", "日用化工": "C26",
	// C: materials
	"石油加工": "C25", "焦炭加工": "C25", "化工原料": "C26", "农药化肥": "C26", "染料涂料": "C26", "化纤": "C28",
	"橡胶": "C29", "塑料": "C29", "水泥": "C30", "玻璃": "C30", "陶瓷": "C30", "矿物制品": "C30", "其他建材": "C30",
	"普钢": "C31", "特种钢": "C31", "钢加工": "C31",
	// C: medicine. Medical devices are C35 (group C358); the name 医疗保健 is mostly devices, hospitals are few.
	"化学制药": "C27", "生物制药": "C27", "中成药": "C27", "医疗保健": "C358",
	// C: machines, vehicles, electronics
	"机械基件": "C34", "机床制造": "C34", "专用机械": "C35", "工程机械": "C35", "化工机械": "C35", "轻工机械": "C35",
	"农用机械": "C35", "纺织机械": "C35", "汽车整车": "C36", "汽车配件": "C36", "摩托车": "C37", "运输设备": "C37",
	"船舶": "C37", "航空": "C37", "电气设备": "C38", "电器仪表": "C40", "半导体": "C397", "元器件": "C398",
	"通信设备": "C392", "IT设备": "C391",
	// D: supply
	"火力发电": "D44", "水力发电": "D44", "新型电力": "D44", "供气供热": "D45", "水务": "D46",
	// E to H: building, trade, transport, lodging
	"建筑工程": "E48", "装修装饰": "E50", "百货": "F52", "超市连锁": "F52", "电器连锁": "F52", "其他商业": "F52",
	"批发业": "F51", "商贸代理": "F51", "石油贸易": "F51", "医药商业": "F51", "汽车服务": "F52",
	"铁路": "G53", "公路": "G54", "路桥": "G54", "公共交通": "G54", "港口": "G55", "水运": "G55", "空运": "G56", "机场": "G56",
	"仓储物流": "G59", "酒店餐饮": "H61",
	// I to S: services
	"电信运营": "I63", "互联网": "I64", "软件服务": "I65", "银行": "J66", "证券": "J67", "保险": "J68", "多元金融": "J69",
	"全国地产": "K70", "区域地产": "K70", "房产服务": "K70", "园区开发": "K70", "综合类": "L72", "商品城": "L72",
	"旅游服务": "L72", "环境保护": "N77", "旅游景点": "N78", "出版业": "R86", "影视音像": "R87",
}

// roundIndustry maps the 17 sector classes of the funding rounds. Digits go as deep as the class allows.
// agri_energy mixes farming and energy; group M751 (技术推广服务) has a class for both. "other" says only that
// the class is none of the sixteen: O82 (其他服务业) is the standard's own "other", and it feeds no appetite.
var roundIndustry = map[string]string{
	"ecommerce": "F5292", "saas_it": "I65", "healthcare": "Q84", "fintech": "J69", "food": "H62", "media": "I64",
	"edtech": "P83", "mobility": "G54", "logistics": "G58", "travel": "L729", "realestate": "K70", "local_services": "O80",
	"deeptech": "M73", "adtech_marketing": "L725", "agri_energy": "M751", "hr": "L726", "other": sectorOther,
}

const sectorOther = "O82"

// naicsIndustry maps the first four digits of NAICS sector 53 (all that the loan table holds).
var naicsIndustry = map[string]string{
	"5311": "K70", "5312": "K70", "5313": "K70", // lessors, agents and services of real estate
	"5321": "L711", "5324": "L711", // vehicles; machines and equipment
	"5322": "L713", "5323": "L713", // consumer goods; general rental centres
	"5331": "M75", // lessors of intangible assets: services of intellectual property (M752)
}
