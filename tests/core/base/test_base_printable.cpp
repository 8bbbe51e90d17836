// What may reach a terminal or a page, and what is escaped.
#include <QJsonDocument>
#include <QJsonObject>
#include <cerrno>
#include <new>
#include <system_error>

#include "core/base/failure.h"
#include "core/base/printable.h"
#include "tests/test_main.h"

using namespace rheo;

class TestBasePrintable : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void escapes_data() {
        QTest::addColumn<QByteArray>("text");
        QTest::addColumn<QByteArray>("expected");
        const auto row = [](const char* name, const QByteArray& text, const QByteArray& expected) {
            QTest::newRow(name) << text << expected;
        };
        row("plain", "a b\\c", "a b\\c");
        row("letters beyond ASCII", "na\u00efve \u0394 \u4e2d \U0001f600",
            "na\u00efve \u0394 \u4e2d \U0001f600");
        row("escape", "\x1b[31mred", "\\x1b[31mred");
        row("NUL", QByteArray("a\0b", 3), "a\\x00b");
        row("line breaks", "a\nb\tc\rd", "a\\nb\\tc\\rd");
        row("DEL", "a\x7f", "a\\x7f");
        row("C1 as UTF-8", "a\u009b31m", "a\\u009b31m");
        row("C1 as a byte",
            "a\x9b"
            "31m",
            "a\\x9b31m");
        row("override", "\u202egpj.exe", "\\u202egpj.exe");
        row("isolate and marks", "\u2066\u200f\u061c", "\\u2066\\u200f\\u061c");
        row("line separator", "a\u2028b", "a\\u2028b");
        row("overlong", "\xc0\xaf", "\\xc0\\xaf");
        row("surrogate", "\xed\xa0\x80", "\\xed\\xa0\\x80");
        row("beyond Unicode", "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80");
        row("cut", "a\xe4\xb8", "a\\xe4\\xb8");
        row("no-break space", "a\u00a0b", "a\u00a0b");
    }
    void escapes() {
        QFETCH(QByteArray, text);
        QFETCH(QByteArray, expected);
        QCOMPARE(QByteArray::fromStdString(printable(text.toStdString())), expected);
    }

    void linesStay() { QCOMPARE(printable("a\n\tb\r\x1b", Lines::Many), std::string("a\n\tb\\r\\x1b")); }

    void cutsBetweenCharacters() {
        QCOMPARE(firstCharacters("\u0394\u4e2dab", 2), std::string("\u0394\u4e2d"));
        QCOMPARE(firstCharacters("ab", 9), std::string("ab"));
        QCOMPARE(firstCharacters("ab", 0), std::string());
    }

    /// Another parser reads the same text, and nothing of it acts on a terminal.
    void jsonMeansTheSame() {
        const QString text = QString::fromUtf8("a\x7f\u009b\u202e\n\u00e9");
        const auto json = QJsonDocument(QJsonObject{{"text", text}}).toJson();
        const auto safe = QByteArray::fromStdString(printableJson(json.toStdString()));
        for (const char* raw : {"\x7f", "\u009b", "\u202e"}) QVERIFY(!safe.contains(raw));
        QCOMPARE(QJsonDocument::fromJson(safe).object()["text"].toString(), text);
    }

    void html() {
        QCOMPARE(escapeHtml("<a href=\"x\" b='y'>&\x1b\xff"),
                 std::string("&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;\ufffd\ufffd"));
    }

    void failures() {
        const auto of = [](const auto& thrown) { return describeFailure(std::make_exception_ptr(thrown)); };
        QCOMPARE(of(Error(ErrorCode::Mismatch, "m", "c")).code(), ErrorCode::Mismatch);
        QCOMPARE(of(std::bad_alloc()).code(), ErrorCode::OutOfMemory);
        QCOMPARE(of(std::length_error("vector")).code(), ErrorCode::OutOfMemory);
        QCOMPARE(of(std::runtime_error("x: can't allocate memory: y")).code(), ErrorCode::OutOfMemory);
        const Error full = of(std::system_error(ENOSPC, std::generic_category(), "f"));
        QCOMPARE(full.code(), ErrorCode::DiskFull);
        QVERIFY(QByteArray(full.what()).contains("make space"));
        const Error threads = of(std::system_error(EAGAIN, std::generic_category(), "thread"));
        QVERIFY(QByteArray(threads.what()).contains("ulimit -u"));
        QCOMPARE(std::string(of(std::runtime_error("first\nsecond")).what()),
                 std::string("unexpected failure: first"));
    }
};

RHEO_TEST(TestBasePrintable)
#include "test_base_printable.moc"
