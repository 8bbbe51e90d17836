// Which rows a selection keeps, and what its messages say.

#include "core/base/error.h"
#include "core/trace/row_selection.h"
#include "tests/test_main.h"

using namespace rheo;

namespace {

/// Six rows of three samples: tokens 7 8 9 | 7 8 | 5.
TraceInfo someInfo() {
    TraceInfo info;
    info.samples = {{"a", {7, 8, 9}, "code"}, {"b", {7, 8}, "prose, plain"}, {"c", {5}, "code"}};
    for (std::int32_t s = 0; s < 3; ++s)
        for (std::size_t t = 0; t < info.samples[static_cast<std::size_t>(s)].tokenIds.size(); ++t)
            info.rows.push_back(
                {s, static_cast<std::int32_t>(t), info.samples[static_cast<std::size_t>(s)].tokenIds[t]});
    return info;
}

std::string textOf(std::int32_t id) {
    switch (id) {
        case 7: return "<s>";
        case 8: return " Paris";
        case 9: return "\n";
        default: return "\"";
    }
}

}  // namespace

class TestTraceSelection : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void rowsAreSelected_data();
    void rowsAreSelected();
    void faultsAreNamed_data();
    void faultsAreNamed();
};

void TestTraceSelection::rowsAreSelected_data() {
    QTest::addColumn<QString>("selection");
    QTest::addColumn<QList<int>>("rows");
    const auto row = [](const char* selection, QList<int> rows) {
        QTest::newRow(selection) << selection << rows;
    };
    row("", {0, 1, 2, 3, 4, 5});
    row(" ", {0, 1, 2, 3, 4, 5});
    row("position>=1", {1, 2, 4});
    row("position > 1", {2});
    row("position<1", {0, 3, 5});
    row("position<=1,sample!=0", {3, 4, 5});
    row("sample=1", {3, 4});
    row("sample==1", {3, 4});
    row("sample<2, position=0", {0, 3});
    row("position>=-5", {0, 1, 2, 3, 4, 5});
    row("group=code", {0, 1, 2, 5});
    row("group!=code", {3, 4});
    row("group=\"prose, plain\"", {3, 4});
    row("token=\" Paris\"", {1, 4});
    row("token=<s>", {0, 3});
    row("token!=\" Paris\",sample=0", {0, 2});
    row("token=\"\\n\"", {2});
    row("token=\"\\\"\"", {5});
}

void TestTraceSelection::rowsAreSelected() {
    QFETCH(QString, selection);
    QFETCH(QList<int>, rows);
    const auto found = selectedRows(someInfo(), parseSelection(selection.toStdString()), textOf);
    QCOMPARE(QList<int>(found.begin(), found.end()), rows);
}

void TestTraceSelection::faultsAreNamed_data() {
    QTest::addColumn<QString>("selection");
    QTest::addColumn<QString>("says");
    const auto row = [](const char* selection, const char* says) {
        QTest::newRow(selection) << selection << says;
    };
    row("layer=1", "no field \"layer\"; the fields are position and sample");
    row("=1", "a field is missing");
    row("position", "a comparison is missing");
    row("position~1", "a comparison is missing");
    row("position>=", "a value is missing");
    row("position>=x", "\"x\" is not a whole number");
    row("position>=1.5", "\"1.5\" is not a whole number");
    row("position>=99999999999999999999", "is not a whole number");
    row("position>=1,", "a field is missing");
    row("position>=1;sample=1", "\"1;sample=1\" is not a whole number");
    row("group<code", "group is a text, and takes = and != only");
    row("token=\"x", "a quotation mark is not closed");
    row("token=\"x\\", "a quotation mark is not closed");
    row("token=\"x\" sample=1", "a comma is missing");
    row("position>1,position<1", "none of the 6 rows is selected");
    row("group=c", "none of the 6 rows is selected");
}

void TestTraceSelection::faultsAreNamed() {
    QFETCH(QString, selection);
    QFETCH(QString, says);
    try {
        selectedRows(someInfo(), parseSelection(selection.toStdString()), textOf);
        QFAIL("nothing was wrong with it");
    } catch (const Error& error) {
        QCOMPARE(static_cast<int>(error.code()), static_cast<int>(ErrorCode::InvalidArgument));
        QVERIFY2(QString(error.what()).contains(says), error.what());
        QVERIFY2(QString(error.what()).contains(selection), error.what());
    }
    // What the trace does not say is asked for in vain, and the message says what is needed.
    TraceInfo bare = someInfo();
    for (auto& sample : bare.samples) sample.group.clear();
    for (const auto& [field, needed] : {std::pair{"group=code", "`group` field"}, {"token=a", "--model"}})
        try {
            selectedRows(bare, parseSelection(field), {});
            QFAIL("nothing was wrong with it");
        } catch (const Error& error) {
            QVERIFY2(QString(error.what()).contains(needed), error.what());
        }
}

RHEO_TEST(TestTraceSelection)
#include "test_trace_selection.moc"
