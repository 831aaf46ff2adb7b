"""One table a recogniser: what it must hide and what it must leave."""

from __future__ import annotations

import pytest

from cbtguard.safety.privacy import EntityType, PresidioRedactor


@pytest.fixture(scope="module")
def redactor() -> PresidioRedactor:
    return PresidioRedactor()


# Each row: a sentence in which ⟦ ⟧ mark exactly what is found, of the table's type.
HIDDEN = {
    EntityType.PERSON: [
        "我叫⟦李想⟧，今年十七岁。",
        "我的名字是⟦欧阳雪⟧。",
        "名字叫⟦晓晓⟧，请多关照。",
        "我女儿叫⟦朵朵⟧，刚上小学。",
        "⟦周子涵⟧跟我说她不想再见我。",
        "⟦张先生⟧昨天又来找我。",
        "⟦高老师⟧不相信我说的话。",
        "⟦小李⟧和⟦老王⟧都不理我。",
        "⟦阿强⟧说他要跟我分手。",
        "⟦周一鸣⟧是我的前男友。",
        "⟦李明⟧自杀了，我好难过。",
        "我舅舅⟦黄志强⟧去年去世了。",
        "同事⟦燕姐⟧和⟦强哥⟧都针对我。",
        "⟦吳志豪⟧跟我分手了，⟦葉老師⟧也知道。",
        "⟦陳美玲⟧昨天打電話給我。",
        "⟦张伟⟧今天来了，⟦张伟⟧还是不看我。",
        "我男朋友⟦Kevin⟧出轨了。",
        "我叫⟦Tom⟧，英文名是⟦Lily⟧。",
        "my name is ⟦tom⟧ and my boyfriend ⟦jake⟧ left",
        "Hi, I'm ⟦Emily⟧. This is ⟦Grace⟧.",
        "I told ⟦Grace⟧ everything.",
        "My friend ⟦Will⟧ said he was sorry.",
        "⟦Zhang Wei⟧ is my friend and so is ⟦Xiaoming Wang⟧.",
        "Mr. ⟦Brown⟧ yelled at me, and Mrs ⟦Lee⟧ laughed.",
        "I met ⟦Sarah O'Connor⟧ and ⟦John F. Kennedy⟧.",
        "My sister ⟦Hannah⟧ died last year.",
        "It was ⟦Kate⟧'s fault.",
        "People call me ⟦Sunny⟧.",
        "I HATE ⟦KEVIN⟧ SO MUCH",
    ],
    EntityType.PHONE: [
        "我的手机⟦13812345678⟧",
        "电话⟦138-0013-8000⟧，随时打",
        "电话 ⟦138 0013 8000⟧",
        "手机⟦１３８００１３８０００⟧",
        "打我⟦一三八零零一三八零零零⟧",
        "⟦幺三九一二三四五六七八⟧是我妈的",
        "⟦+86 13800138000⟧",
        "⟦0086-13800138000⟧",
        "座机⟦0571-88886666⟧",
        "⟦(010) 6552 9988⟧",
        "我家电话是 ⟦88886666⟧",
        "⟦400-820-8820⟧",
        "電話是⟦０９１２－３４５－６７８⟧",
        "香港手机 ⟦9123 4567⟧",
        "call me on ⟦07911 123456⟧",
        "my number is ⟦(212) 736-5000⟧",
        "text me ⟦2127365000⟧",
        "⟦+65 8123 4567⟧",
    ],
    EntityType.RESIDENT_ID: [
        "身份证⟦11010519491231002X⟧",
        "⟦11010519491231002x⟧",
        "⟦110101199003077758⟧",
        "⟦110101 19900307 7758⟧",
        "⟦１１０１０１１９９００３０７７７５８⟧",
        "身份证号是⟦110101199003077751⟧",
        "⟦130503670401001⟧",
        "我的香港身份证⟦A123456(3)⟧",
        "⟦A123456789⟧",
        "My SSN is ⟦078-05-1121⟧",
        "my NHS number is ⟦943 476 5919⟧",
    ],
    EntityType.ADDRESS: [
        "住在⟦浙江省杭州市西湖区文三路128号⟧",
        "我家在⟦上海市浦东新区张江镇⟧",
        "地址：⟦北京市朝阳区建国路93号院8号楼1203室⟧",
        "家住⟦杭州市西湖区文三路128号3栋2单元501室⟧，最近搬家",
        "家住⟦李家村⟧",
        "⟦台北市大安區復興南路一段390號⟧",
        "我住⟦中山路12号⟧",
        "⟦3栋2单元501室⟧",
        "我们搬到⟦阳光花园⟧了",
        "my address is ⟦1600 Amphitheatre Parkway, Mountain View, CA 94043⟧",
        "he lives at ⟦12 Baker Street, London⟧",
        "⟦Flat 3, 221B Baker Street⟧",
        "the postcode is ⟦SW1A 1AA⟧",
        "i live at ⟦45 green hill road⟧",
    ],
    EntityType.PASSPORT: [
        "护照⟦E12345678⟧",
        "护照号码是⟦EA1234567⟧",
        "港澳通行证⟦C12345678⟧",
        "passport number ⟦533380006⟧",
    ],
    EntityType.BANK_CARD: [
        "银行卡⟦6222021234567890128⟧",
        "卡号 ⟦6222 0212 3456 7890 123⟧",
        "⟦4111 1111 1111 1111⟧",
        "my card is ⟦5500-0000-0000-0004⟧",
    ],
    EntityType.WECHAT: [
        "微信号：⟦hello_2020⟧",
        "加我vx ⟦abc12345⟧",
        "wx:⟦lovelygirl88⟧",
        "我的微信是⟦zhang_wei88⟧，加我",
        "my wechat id is ⟦sadboy_99⟧",
    ],
    EntityType.QQ: ["QQ ⟦123456789⟧", "我的qq是⟦10001234⟧", "扣扣：⟦87654321⟧", "QQ号码 ⟦２３４５６７８９⟧"],
    EntityType.PLATE: ["⟦粤B12345⟧撞了我", "车牌⟦京A·D12345⟧", "⟦沪AD12345⟧", "⟦粵B·1234学⟧"],
    EntityType.SCHOOL: [
        "我在⟦北京大学⟧读大三",
        "我在⟦杭州市第十四中学⟧上高二",
        "就读于⟦衡水中学⟧",
        "⟦人大附中⟧的压力太大",
        "我在⟦清华大学⟧图书馆哭了",
        "我在⟦深圳市南山外国语学校⟧读初三",
        "I study at ⟦Stanford University⟧ and went to ⟦Lincoln High School⟧.",
        "⟦University of Oxford⟧ rejected me",
    ],
    EntityType.EMPLOYER: [
        "我在⟦腾讯⟧上班",
        "在⟦字节跳动⟧工作三年了",
        "他在⟦华为公司⟧工作",
        "我在⟦中国工商银行杭州分行⟧当柜员",
        "在⟦协和医院⟧当护士",
        "I work at ⟦Google⟧ and my husband works for ⟦Goldman Sachs⟧.",
        "I was fired from ⟦Acme Widgets Inc.⟧",
    ],
    EntityType.STUDENT_NUMBER: [
        "学号⟦2019301234⟧",
        "准考证号：⟦20231234567⟧",
        "工号是⟦A00123⟧",
        "student ID: ⟦20231234⟧",
    ],
    EntityType.EMAIL: [
        "⟦zhang.wei@example.com⟧",
        "我的邮箱是⟦zhangwei2000@163.com⟧你记一下",
        "⟦ｔｏｍ＠ｅｘａｍｐｌｅ．ｃｏｍ⟧",
        "⟦zhangwei 艾特 qq 点 com⟧",
        "mail me: ⟦a.b+c@mail.example.co.uk⟧.",
    ],
    EntityType.IP_ADDRESS: [
        "⟦192.168.1.20⟧",
        "他查到我的IP是⟦10.0.0.7⟧",
        "⟦2001:db8::1⟧",
        "from ⟦8.8.8.8⟧, he said",
    ],
}

# Nothing at all is found in these.
LEFT = {
    EntityType.PERSON: [
        "妈妈和老师都不理我",
        "我叫他不要走",
        "我叫外卖都不敢说话",
        "数学老师今天骂我",
        "宿管阿姨很凶",
        "张嘴就骂人",
        "于是我就哭了",
        "常年失眠，毛病一大堆",
        "李代桃僵，张冠李戴",
        "全班同学都在笑",
        "小时候我很开心",
        "Will you help me? Mark my words.",
        "In May I quit. April was fine.",
        "Bill came late. Hope is gone.",
        "I'm Autistic. I'm Chinese.",
        "my friend I think, my mom Always",
        "THE DOCTOR SAID NO",
        "Miss You. I Love You So Much",
    ],
    EntityType.PHONE: [
        "请打110、120或者12356",
        "热线400-161-9995一直占线",
        "北京的是010-82951332",
        "电话010 8295 1332打不通",
        "call 988 or 116 123 or 1-800-273-8255",
        "拨打1925、1980或者1995",
        "text 741741 or phone 0800 1111",
        "订单号是2023111512345678",
        "欠了12345678元",
        "2020-12-31打的电话",
        "考了 630 分，排名 12034",
        "圆周率3.14159265358979",
    ],
    EntityType.RESIDENT_ID: [
        "身份证丢了怎么办",
        "编号110101199003077751",
        "110101199013077758",
        "123456789012345",
        "A123456(4)",
        "A123456788",
        "078-05",
        "100000000000000001",
    ],
    EntityType.ADDRESS: [
        "我在北京工作，老家在四川",
        "上海的冬天又湿又冷",
        "I live in London and my mum lives in China",
        "我住在农村，离镇上很远",
        "我住在三楼，楼上很吵",
        "坐2号线上班",
        "他在上海一段时间了",
        "走在马路上突然想哭",
        "今天5号，北京5号下雪",
        "I walked down the street for 20 minutes",
        "room 101, page 20",
    ],
    EntityType.PASSPORT: ["护照丢了", "E12345678", "passport expired in 2019", "通行证办了3次"],
    EntityType.BANK_CARD: [
        "卡里只剩3000",
        "4111 1111 1111 1112",
        "1111 1111 1111 1111",
        "欠了信用卡12万3千元",
    ],
    EntityType.WECHAT: ["加我微信吧", "微信 message 我", "他把我微信拉黑了", "wechat is blocked"],
    EntityType.QQ: ["我玩QQ飞车", "qq空间 2019 年的说说", "QQ被盗了", "扣扣搜搜"],
    EntityType.PLATE: ["京A大队", "新ABCDEF", "粤B开头的车", "川味火锅A12"],
    EntityType.SCHOOL: [
        "大学毕业了",
        "我们学校的食堂",
        "一所重点中学",
        "我考上了大学，进了法学院",
        "High school sucks",
        "My Law School debt",
        "I'm going to University",
        "Sunday School was boring",
    ],
    EntityType.EMPLOYER: [
        "他在银行上班",
        "我在医院工作",
        "公司裁员了",
        "I work at night",
        "He works for money",
    ],
    EntityType.STUDENT_NUMBER: ["学号忘了", "工号牌丢了", "student number unknown", "准考证号 12"],
    EntityType.EMAIL: ["我@了他", "邮箱满了", "a @ b", "see you @ 5.30"],
    EntityType.IP_ADDRESS: ["版本 1.2.3", "12:30:45", "999.1.1.1", "1.2.3.4.5"],
}


def _marked(row: str) -> tuple[str, list[tuple[int, int]]]:
    text, spans = "", []
    for place, piece in enumerate(row.replace("⟧", "⟦").split("⟦")):
        if place % 2:
            spans.append((len(text), len(text) + len(piece)))
        text += piece
    return text, spans


@pytest.mark.parametrize(("kind", "row"), [(kind, row) for kind, rows in HIDDEN.items() for row in rows])
def test_personal_data_is_found_whole(redactor: PresidioRedactor, kind: EntityType, row: str) -> None:
    text, spans = _marked(row)

    found = redactor.find(text)

    assert [(entity.start, entity.end) for entity in found if entity.type is kind] == spans
    assert all(0.5 <= entity.score <= 1 for entity in found)


@pytest.mark.parametrize(("kind", "text"), [(kind, row) for kind, rows in LEFT.items() for row in rows])
def test_what_only_looks_like_it_stays(redactor: PresidioRedactor, kind: EntityType, text: str) -> None:
    found = redactor.find(text)

    assert found == (), f"near misses of {kind} were hidden"
