package precheck

// fileNameCodes lists what the server writes after @ for a letter in a file
// name, two bytes of code before each letter. It was read off a real server
// by creating tables whose names hold every letter of the blocks that the
// manual names under "Mapping of Identifiers to File Names".
const fileNameCodes = "" +
	"0GÀ0HÁ0IÂ0JÃ0KÄ0LÅ0MÆ0NÇ0OÈ0PÉ0QÊ0RË0SÌ0TÍ0UÎ0VÏ0WÐ0XÑ0YÒ0ZÓ1GÔ1HÕ1IÖ1KØ1LÙ1MÚ1NÛ1OÜ1PÝ1QÞ" +
	"1jß0gà0há0iâ0jã0kä0lå0mæ0nç0oè0pé0qê0rë0sì0tí0uî0vï0wð0xñ0yò0zó1gô1hõ1iö1kø1lù1mú1nû1oü1pý" +
	"1qþ1rÿ1SĀ1sā1TĂ1tă1UĄ1uą1VĆ1vć1WĈ1wĉ1XĊ1xċ1YČ1yč1ZĎ1zď2GĐ2gđ2HĒ2hē2IĔ2iĕ2JĖ2jė2KĘ2kę2LĚ2lě" +
	"2MĜ2mĝ2NĞ2nğ2OĠ2oġ2PĢ2pģ2QĤ2qĥ2RĦ2rħ2SĨ2sĩ2TĪ2tī2UĬ2uĭ2VĮ2vį2wı2XĲ2xĳ2YĴ2yĵ2ZĶ2zķ3gĸ3HĹ3hĺ" +
	"3IĻ3iļ3JĽ3jľ3KĿ3kŀ3LŁ3lł3MŃ3mń3NŅ3nņ3OŇ3oň3pŉ3QŊ3qŋ3RŌ3rō3SŎ3sŏ3TŐ3tő3UŒ3uœ3VŔ3vŕ3WŖ3wŗ3XŘ" +
	"3xř3YŚ3yś3ZŜ3zŝ4GŞ4gş4HŠ4hš4IŢ4iţ4JŤ4jť4KŦ4kŧ4LŨ4lũ4MŪ4mū4NŬ4nŭ4OŮ4oů4PŰ4pű4QŲ4qų4RŴ4rŵ4SŶ" +
	"4sŷ1RŸ4TŹ4tź4UŻ4uż4VŽ4vž4wſgaƀQfƁHaƂhaƃIaƄiaƅRfƆJaƇjaƈTfƉUfƊKaƋkaƌlaƍZbƎWfƏYfƐMaƑmaƒJgƓMgƔ" +
	"naƕSgƖRgƗOaƘoaƙpaƚqaƛYgƜHhƝraƞKhƟSaƠsaơTaƢtaƣUaƤuaƥVhƦVaƧvaƨYhƩwaƪxaƫYaƬyaƭJiƮZaƯzaưLiƱMiƲ" +
	"GbƳgbƴHbƵhbƶTiƷIbƸibƹjbƺkbƻNbƼnbƽmbƾObǄobǆPbǇpbǉQbǊqbǌRbǍrbǎSbǏsbǐTbǑtbǒUbǓubǔVbǕvbǖWbǗwbǘ" +
	"XbǙxbǚYbǛybǜzbǝGcǞgcǟHcǠhcǡIcǢicǣJcǤjcǥKcǦkcǧLcǨlcǩMcǪmcǫNcǬncǭOcǮocǯpcǰQcǱqcǳRcǴrcǵNaǶScǸ" +
	"scǹTcǺtcǻUcǼucǽVcǾvcǿWcȀwcȁXcȂxcȃYcȄycȅZcȆzcȇGdȈgdȉHdȊhdȋIdȌidȍJdȎjdȏKdȐkdȑLdȒldȓMdȔmdȕNdȖ" +
	"ndȗOdȘodșPdȚpdțQdȜqdȝRdȞrdȟRaȠsdȡTdȢtdȣUdȤudȥVdȦvdȧWdȨwdȩXdȪxdȫYdȬydȭZdȮzdȯGeȰgeȱHeȲheȳieȴ" +
	"jeȵkeȶleȷmeȸneȹOeȺPeȻpeȼPaȽQeȾreȿseɀViɁnfɐofɑpfɒqfɓrfɔsfɕtfɖufɗvfɘwfəxfɚyfɛzfɜggɝhgɞigɟjgɠ" +
	"kgɡlgɢmgɣngɤogɥpgɦqgɧrgɨsgɩtgɪugɫvgɬwgɭxgɮygɯzgɰghɱhhɲihɳjhɴkhɵlhɶmhɷnhɸohɹphɺqhɻrhɼshɽthɾ" +
	"uhɿvhʀwhʁxhʂyhʃzhʄgiʅhiʆiiʇjiʈkiʉliʊmiʋniʌoiʍpiʎqiʏriʐsiʑtiʒuiʓviʔwiʕxiʖyiʗziʘgjʙhjʚijʛjjʜ" +
	"kjʝljʞmjʟnjʠojʡpjʢqjʣrjʤsjʥtjʦujʧvjʨwjʩxjʪyjʫzjʬgkʭhkʮikʯ6GΆ6HΈ6IΉ6JΊ7SΌ7TΎ7UΏ5yΐ6LΑ7WΒ6NΓ" +
	"6OΔ6PΕ6QΖ6RΗ7XΘ6TΙ8WΚ6VΛ6WΜ6XΝ6YΞ6ZΟ8IΠ7HΡ8YΣ7KΤ7LΥ8HΦ7NΧ7OΨ7PΩ7QΪ7RΫ6gά6hέ6iή6jί6kΰ6lα6mβ" +
	"6nγ6oδ6pε6qζ6rη6sθ6tι6uκ6vλ6wμ6xν6yξ6zο7gπ7hρ7iς7jσ7kτ7lυ7mφ7nχ7oψ7pω7qϊ7rϋ7sό7tύ7uώ7wϐ7xϑ" +
	"7Yϒ7Zϓ8Gϔ8hϕ8iϖ8jϗ8kϙ8LϚ8lϛ8MϜ8mϝ8NϞ8nϟ8OϠ8oϡ8PϢ8pϣ8QϤ8qϥ8RϦ8rϧ8SϨ8sϩ8TϪ8tϫ8UϬ8uϭ8VϮ8vϯ8wϰ" +
	"8xϱ8yϲ8zϳ9gϵ9h϶9iϸ9jϻ9kϼ9LϽ9MϾ9NϿS1ЀT1ЁU1ЂV1ЃW1ЄX1ЅY1ІZ1ЇG2ЈH2ЉI2ЊJ2ЋK2ЌL2ЍM2ЎN2ЏG0АH0БI0В" +
	"J0ГK0ДL0ЕM0ЖN0ЗO0ИP0ЙQ0КR0ЛS0МT0НU0ОV0ПW0РX0СY0ТZ0УG1ФH1ХI1ЦJ1ЧK1ШL1ЩM1ЪN1ЫO1ЬP1ЭQ1ЮR1Яg0а" +
	"h0бi0вj0гk0дl0еm0жn0зo0иp0йq0кr0лs0мt0нu0оv0пw0рx0сy0тz0уg1фh1хi1цj1чk1шl1щm1ъn1ыo1ьp1эq1ю" +
	"r1яs1ѐt1ёu1ђv1ѓw1єx1ѕy1іz1їg2јh2љi2њj2ћk2ќl2ѝm2ўn2џO2Ѡo2ѡP2Ѣp2ѣQ2Ѥq2ѥR2Ѧr2ѧS2Ѩs2ѩT2Ѫt2ѫU2Ѭ" +
	"u2ѭV2Ѯv2ѯW2Ѱw2ѱX2Ѳx2ѳY2Ѵy2ѵZ2Ѷz2ѷG3Ѹg3ѹH3Ѻh3ѻI3Ѽi3ѽJ3Ѿj3ѿK3Ҁk3ҁM3Ҋm3ҋN3Ҍn3ҍO3Ҏo3ҏP3Ґp3ґQ3Ғ" +
	"q3ғR3Ҕr3ҕS3Җs3җT3Ҙt3ҙU3Қu3қV3Ҝv3ҝW3Ҟw3ҟX3Ҡx3ҡY3Ңy3ңZ3Ҥz3ҥG4Ҧg4ҧH4Ҩh4ҩI4Ҫi4ҫJ4Ҭj4ҭK4Үk4үL4Ұ" +
	"l4ұM4Ҳm4ҳN4Ҵn4ҵO4Ҷo4ҷP4Ҹp4ҹQ4Һq4һR4Ҽr4ҽS4Ҿs4ҿT4ӀU4Ӂu4ӂV4Ӄv4ӄW4Ӆw4ӆX4Ӈx4ӈY4Ӊy4ӊZ4Ӌz4ӌG5Ӎg5ӎ" +
	"I5Ӑi5ӑJ5Ӓj5ӓK5Ӕk5ӕL5Ӗl5ӗM5Әm5әN5Ӛn5ӛO5Ӝo5ӝP5Ӟp5ӟQ5Ӡq5ӡR5Ӣr5ӣS5Ӥs5ӥT5Ӧt5ӧU5Өu5өV5Ӫv5ӫW5Ӭw5ӭ" +
	"X5Ӯx5ӯY5Ӱy5ӱZ5Ӳz5ӳG6Ӵg6ӵH6Ӷh6ӷI6Ӹi6ӹP6Ԁp6ԁQ6Ԃq6ԃR6Ԅr6ԅS6Ԇs6ԇT6Ԉt6ԉU6Ԋu6ԋV6Ԍv6ԍW6Ԏw6ԏH7ԱI7Բ" +
	"J7ԳK7ԴL7ԵM7ԶN7ԷO7ԸP7ԹQ7ԺR7ԻS7ԼT7ԽU7ԾV7ԿW7ՀX7ՁY7ՂZ7ՃG8ՄH8ՅI8ՆJ8ՇK8ՈL8ՉM8ՊN8ՋO8ՌP8ՍQ8ՎR8ՏS8Ր" +
	"T8ՑU8ՒV8ՓW8ՔX8Օh7աi7բj7գk7դl7եm7զn7էo7ըp7թq7ժr7իs7լt7խu7ծv7կw7հx7ձy7ղz7ճg8մh8յi8նj8շk8ոl8չ" +
	"m8պn8ջo8ռp8սq8վr8տs8րt8ցu8ւv8փw8քx8օGlḀglḁHlḂhlḃIlḄilḅJlḆjlḇKlḈklḉLlḊllḋMlḌmlḍNlḎnlḏOlḐolḑ" +
	"PlḒplḓQlḔqlḕRlḖrlḗSlḘslḙTlḚtlḛUlḜulḝVlḞvlḟWlḠwlḡXlḢxlḣYlḤylḥZlḦzlḧGmḨgmḩHmḪhmḫImḬimḭJmḮjmḯ" +
	"KmḰkmḱLmḲlmḳMmḴmmḵNmḶnmḷOmḸomḹPmḺpmḻQmḼqmḽRmḾrmḿSmṀsmṁTmṂtmṃUmṄumṅVmṆvmṇWmṈwmṉXmṊxmṋYmṌymṍ" +
	"ZmṎzmṏGnṐgnṑHnṒhnṓInṔinṕJnṖjnṗKnṘknṙLnṚlnṛMnṜmnṝNnṞnnṟGpṠonṡPnṢpnṣQnṤqnṥRnṦrnṧSnṨsnṩTnṪtnṫ" +
	"UnṬunṭVnṮvnṯWnṰwnṱXnṲxnṳYnṴynṵZnṶznṷGoṸgoṹHoṺhoṻIoṼioṽJoṾjoṿKoẀkoẁLoẂloẃMoẄmoẅNoẆnoẇOoẈooẉ" +
	"PoẊpoẋQoẌqoẍRoẎroẏSoẐsoẑToẒtoẓUoẔuoẕvoẖwoẗxoẘyoẙzoẚgpẛLpẠlpạMpẢmpảNpẤnpấOpẦopầPpẨppẩQpẪqpẫ" +
	"RpẬrpậSpẮspắTpẰtpằUpẲupẳVpẴvpẵWpẶwpặXpẸxpẹYpẺypẻZpẼzpẽGqẾgqếHqỀhqềIqỂiqểJqỄjqễKqỆkqệLqỈlqỉ" +
	"MqỊmqịNqỌnqọOqỎoqỏPqỐpqốQqỒqqồRqỔrqổSqỖsqỗTqỘtqộUqỚuqớVqỜvqờWqỞwqởXqỠxqỡYqỢyqợZqỤzqụGrỦgrủ" +
	"HrỨhrứIrỪirừJrỬjrửKrỮkrữLrỰlrựMrỲmrỳNrỴnrỵOrỶorỷPrỸprỹgsἀhsἁisἂjsἃksἄlsἅmsἆnsἇGsἈHsἉIsἊJsἋ" +
	"KsἌLsἍMsἎNsἏosἐpsἑqsἒrsἓssἔtsἕOsἘPsἙQsἚRsἛSsἜTsἝysἠzsἡgtἢhtἣitἤjtἥktἦltἧYsἨZsἩGtἪHtἫItἬJtἭ" +
	"KtἮLtἯmtἰntἱotἲptἳqtἴrtἵstἶttἷMtἸNtἹOtἺPtἻQtἼRtἽStἾTtἿutὀvtὁwtὂxtὃytὄztὅUtὈVtὉWtὊXtὋYtὌZtὍ" +
	"kuὐluὑmuὒnuὓouὔpuὕquὖruὗLuὙNuὛPuὝRuὟwuὠxuὡyuὢzuὣgvὤhvὥivὦjvὧWuὨXuὩYuὪZuὫGvὬHvὭIvὮJvὯkvὰlvά" +
	"mvὲnvέovὴpvήqvὶrvίsvὸtvόuvὺvvύwvὼxvώgwᾀhwᾁiwᾂjwᾃkwᾄlwᾅmwᾆnwᾇGwᾈHwᾉIwᾊJwᾋKwᾌLwᾍMwᾎNwᾏowᾐpwᾑ" +
	"qwᾒrwᾓswᾔtwᾕuwᾖvwᾗOwᾘPwᾙQwᾚRwᾛSwᾜTwᾝUwᾞVwᾟwwᾠxwᾡywᾢzwᾣgxᾤhxᾥixᾦjxᾧWwᾨXwᾩYwᾪZwᾫGxᾬHxᾭIxᾮJxᾯ" +
	"kxᾰlxᾱmxᾲnxᾳoxᾴqxᾶrxᾷKxᾸLxᾹKvᾺLvΆNxᾼsxῂtxῃuxῄwxῆxxῇMvῈNvΈOvῊPvΉTxῌyxῐzxῑgyῒhyΐkyῖlyῗYxῘZxῙ" +
	"QvῚRvΊnyῠoyῡpyῢqyΰryῤsyῥtyῦuyῧNyῨOyῩUvῪVvΎSyῬxyῲyyῳhzῶizῷSvῸTvΌWvῺXvΏYyῼG9ⅠH9ⅡI9ⅢJ9ⅣK9ⅤL9Ⅵ" +
	"M9ⅦN9ⅧO9ⅨP9ⅩQ9ⅪR9ⅫS9ⅬT9ⅭU9ⅮV9Ⅿg9ⅰh9ⅱi9ⅲj9ⅳk9ⅴl9ⅵm9ⅶn9ⅷo9ⅸp9ⅹq9ⅺr9ⅻs9ⅼt9ⅽu9ⅾv9ⅿ@AⒶ@BⒷ@CⒸ@DⒹ" +
	"@EⒺ@FⒻ@GⒼ@HⒽ@IⒾ@JⒿ@KⓀ@LⓁ@MⓂ@NⓃ@OⓄ@PⓅ@QⓆ@RⓇ@SⓈ@TⓉ@UⓊ@VⓋ@WⓌ@XⓍ@YⓎ@ZⓏ@aⓐ@bⓑ@cⓒ@dⓓ@eⓔ@fⓕ@gⓖ@hⓗ" +
	"@iⓘ@jⓙ@kⓚ@lⓛ@mⓜ@nⓝ@oⓞ@pⓟ@qⓠ@rⓡ@sⓢ@tⓣ@uⓤ@vⓥ@wⓦ@xⓧ@yⓨ@zⓩA@ＡB@ＢC@ＣD@ＤE@ＥF@ＦG@ＧH@ＨI@ＩJ@ＪK@ＫL@Ｌ" +
	"M@ＭN@ＮO@ＯP@ＰQ@ＱR@ＲS@ＳT@ＴU@ＵV@ＶW@ＷX@ＸY@ＹZ@Ｚa@ａb@ｂc@ｃd@ｄe@ｅf@ｆg@ｇh@ｈi@ｉj@ｊk@ｋl@ｌm@ｍn@ｎo@ｏp@ｐ" +
	"q@ｑr@ｒs@ｓt@ｔu@ｕv@ｖw@ｗx@ｘy@ｙz@ｚ"
