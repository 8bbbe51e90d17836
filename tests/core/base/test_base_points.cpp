// Names of residual points, there and back.

#include "core/base/residual_point.h"
#include "tests/test_main.h"

using namespace rheo;

class TestBasePoints : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void namesGoThereAndBack();
    void refusesWhatIsNoPoint_data();
    void refusesWhatIsNoPoint();
    void sequentialBlocksHaveTwoPoints();
    void parallelBlocksHaveOne();
};

void TestBasePoints::namesGoThereAndBack() {
    QCOMPARE(pointName({5, Site::AttnIn}), std::string("L05.attn_in"));
    QCOMPARE(pointName({131, Site::MlpIn}), std::string("L131.mlp_in"));
    QCOMPARE(pointName({-1, Site::Final}), std::string("final"));
    QCOMPARE(pointName({7, Site::Unnamed}), std::string("P07"));
    for (const ResidualPoint point :
         {ResidualPoint{0, Site::AttnIn}, ResidualPoint{131, Site::MlpIn}, ResidualPoint{9, Site::BlockIn},
          ResidualPoint{-1, Site::Final}, ResidualPoint{12, Site::Unnamed}}) {
        const auto back = parsePointName(pointName(point));
        QVERIFY(back.has_value());
        QVERIFY(*back == point);
    }
}

void TestBasePoints::refusesWhatIsNoPoint_data() {
    QTest::addColumn<QString>("name");
    for (const char* name : {"", "L", "L.attn_in", "L5", "L5.", "L5.attn", "L-1.attn_in", "L5.final", "P",
                             "Px", "L99999999999.attn_in", "finale", "L05.attn_in ", "l05.attn_in"})
        QTest::newRow(name) << QString(name);
}

void TestBasePoints::refusesWhatIsNoPoint() {
    QFETCH(QString, name);
    QVERIFY(!parsePointName(name.toStdString()).has_value());
}

void TestBasePoints::sequentialBlocksHaveTwoPoints() {
    const auto points = residualPoints(32, false);
    QCOMPARE(points.size(), std::size_t(65));
    QCOMPARE(pointName(points[0]), std::string("L00.attn_in"));
    QCOMPARE(pointName(points[63]), std::string("L31.mlp_in"));
    QCOMPARE(pointName(points[64]), std::string("final"));
}

void TestBasePoints::parallelBlocksHaveOne() {
    const auto points = residualPoints(6, true);
    QCOMPARE(points.size(), std::size_t(7));
    QCOMPARE(pointName(points[5]), std::string("L05.block_in"));
}

RHEO_TEST(TestBasePoints)
#include "test_base_points.moc"
