"""Everyday sentences without personal data stay as they are."""

from __future__ import annotations

import pytest

from cbtguard.safety.privacy import PresidioRedactor, Vault


@pytest.fixture(scope="module")
def redactor() -> PresidioRedactor:
    return PresidioRedactor()


CHINESE = [
    "最近压力很大，晚上总是睡不着，白天又没精神。",
    "妈妈总拿我和别人家的孩子比，我觉得很委屈。",
    "老师今天在课上批评了我，全班都在笑。",
    "医生给我开了舍曲林，我吃了两周还没有感觉。",
    "我跟男朋友吵架了，他已经三天没理我。",
    "高考只剩三十天，我每次模考都考砸。",
    "数学考了58分，英语92分，总分487分，排名第203。",
    "我今年35岁，有两个孩子，房贷还有120万没还。",
    "2019年3月12日那天，我第一次惊恐发作。",
    "每个月工资6500块，房租就要2800元。",
    "我觉得自己像杯弓蛇影里的那个人，总是心不在焉。",
    "这件事只能张冠李戴，让别人李代桃僵。",
    "说曹操，曹操到，他正好走进办公室。",
    "爸爸妈妈离婚的时候我才七岁。",
    "婆婆总是插手我们家的事，老公又不吭声。",
    "我想去看心理医生，可是又怕被同学知道。",
    "辅导员让我去学校的心理咨询中心。",
    "班主任和校长都找我谈过话了。",
    "周一到周五我都在加班，周末只想躺着。",
    "星期天下午我一个人在家，突然很想哭。",
    "我在北京工作，父母在老家，一年见一次。",
    "上海的冬天又湿又冷，我不喜欢。",
    "我是四川人，来广州打工五年了。",
    "我想死，但是又舍不得我的猫。",
    "晚上十一点半我又把安眠药拿出来看了看。",
    "心里有个声音叫我跳下去。",
    "他们说我是废物，叫我去死。",
    "我不想活了，活着没意思。",
    "网上有人说要重开，还有人说紫砂。",
    "我已经割腕两次了，没有人知道。",
    "我读了《自杀论》，还看了《少年维特的烦恼》。",
    "请打110或者120，也可以打12356。",
    "朋友让我打400-161-9995这个热线。",
    "我打过010-82951332，一直占线。",
    "大学毕业以后一直找不到工作。",
    "我们学校的食堂很难吃，宿舍也很吵。",
    "高中同学聚会我没敢去。",
    "领导让我背锅，同事都看我笑话。",
    "公司裁员了，我不知道怎么跟家里说。",
    "他在银行上班，我在医院工作。",
    "老板说今年没有年终奖。",
    "体检报告说我血压145，心率102。",
    "我每天走8000步，还是瘦不下来。",
    "昨晚只睡了3个小时，凌晨4点20分就醒了。",
    "这个月已经花了1234567元，全是借的。",
    "我做了量表，得分是27分，医生说是重度。",
    "谢谢你，今天好多了。",
    "我明明很努力，为什么还是不行？",
    "万一失败了怎么办，我一直在想这个。",
    "何必呢，人生就是这样，左右为难。",
    "我很高兴今天能安静地待一会儿。",
    "任何人都不应该这样对我。",
    "小时候我常常一个人在家。",
    "白天还好，黄昏的时候就开始心慌。",
    "我吃了二十片阿普唑仑，现在头很晕。",
    "奶奶去世以后，我一直很自责。",
    "前任又来找我了，我该怎么办？",
    "我弟弟打我，爸妈从来不管。",
    "外卖都不想点，一整天没吃东西。",
    "第三次面试又被拒了，心灰意冷。",
    "我叫外卖的时候都不敢跟人说话。",
    "我叫他不要走，他还是走了。",
    "我是一个很内向的人。",
    "她叫我滚，我就真的走了。",
    "一路走来，真的太累了。",
    "我住在三楼，楼上每天都很吵。",
    "坐2号线上班要一个半小时。",
    "我大三了，还没谈过恋爱。",
    "今天5号，离中考还有一个月。",
    "室友晚上打游戏，我跟宿管阿姨说过了。",
    "最近總是失眠，醫生說我有焦慮症。",
    "媽媽說我想太多，可是我真的很難過。",
    "😭😭😭我好累啊。。。",
    "抑郁自评量表SDS标准分63，焦虑SAS 58。",
    "我舍不得孩子，也舍不得这个家。",
    "应该是我太敏感了，连朋友都说我想多了。",
    "路上堵车，我又迟到了，被扣了200。",
    "想去云南旅游，去大理看看洱海。",
    "他是我初恋，我们在一起六年零三个月。",
    "我怀孕12周了，还没有告诉任何人。",
]

ENGLISH = [
    "I can't sleep and I feel like a failure all the time.",
    "My mum keeps comparing me with my sister.",
    "The doctor gave me sertraline 50 mg two weeks ago.",
    "My boyfriend and I had a fight on Monday.",
    "I scored 62 out of 100 on the maths exam in May.",
    "Will it ever get better? I hope so.",
    "I want to kms, nobody would care.",
    "I'm Chinese but I grew up in London.",
    "I'm so tired of everything. Everything hurts.",
    "In April I started a new job, and in June I quit.",
    "My therapist says I should try CBT.",
    "I called 988 and then 116 123 but hung up.",
    "She told me to go and never come back.",
    "I took 20 pills last night.",
    "Christmas is the worst time of the year for me.",
    "My boss fired me and I owe 12,500 dollars.",
    "I am 27 years old and still live with my parents.",
    "Please help me. I don't know what to do.",
    "Mark my words, it will end badly.",
    "It's hard to have faith when everything goes wrong.",
    "University is so much harder than high school.",
    "The bill came to 1,250.75 and I cannot pay it.",
    "I was diagnosed with PTSD and OCD in 2019.",
    "I miss him so much that it hurts.",
    "Dr. said I need rest. Nurse was kind.",
    "You said this is normal, but I feel numb.",
    "My GAD-7 score is 15 and my PHQ-9 is 21.",
    "At 3:45 am I was still awake.",
    "I AM SO DONE WITH THIS.",
    "I moved from China to Canada when I was 12.",
]


@pytest.mark.parametrize("text", CHINESE + ENGLISH)
def test_a_sentence_without_personal_data_stays_untouched(redactor: PresidioRedactor, text: str) -> None:
    redaction = redactor.redact(text, Vault())

    assert redaction.text == text
    assert redaction.entities == ()
    assert redaction.placeholders == ()
