// What results say of single units, against sums written out.
#include <cmath>

#include "core/session/unit_table.h"
#include "tests/test_main.h"

using namespace rheo;

class TestSessionUnits : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void columnsAreMeansOfWhatIsThere();
};

void TestSessionUnits::columnsAreMeansOfWhatIsThere() {
    Results results;
    QVERIFY(unitColumns(results).empty());
    auto& density = results.statistics.get<Density>().emplace();
    density.rms = MatrixD(2, 3);
    density.rms << 1, 2, 2, 0, 3, 4;
    auto& correlation = results.statistics.get<Correlation>().emplace();
    correlation.r = MatrixD(2, 3);
    correlation.r << 0.5, 1, std::nan(""), -0.5, 1, std::nan("");
    auto& rotation = results.statistics.get<Rotation>().emplace();
    rotation.meanPathTurning = VectorD(3);
    rotation.meanPathTurning << -1, 2, 3;
    rotation.turning = rotation.meanPathWinding = rotation.meanPathLogRadiusSlope = rotation.meanPathTurning;
    CurveNull null{"sign_flip", "rotation", "mean_path_turning", {}};
    null.summary.mean = VectorD::Constant(3, 0.5);
    results.nulls.push_back(null);
    const auto columns = unitColumns(results);
    const auto values = [&](const std::string& name) {
        for (const UnitColumn& column : columns)
            if (column.name == name) return column.values;
        return VectorD();
    };
    QCOMPARE(values("Beyond"), VectorD(rotation.meanPathTurning.array() - 0.5));
    const VectorD r = values("Correlation");
    QVERIFY(std::abs(r[0]) < 1e-12 && r[1] > 0.999999 && std::isnan(r[2]));
    const VectorD share = values("Share of norm");  // of 9 and of 25
    QVERIFY(std::abs(share[0] - (1.0 / 9 + 0) / 2) < 1e-12);
    QVERIFY(std::abs(share[2] - (4.0 / 9 + 16.0 / 25) / 2) < 1e-12);
    QVERIFY(std::abs(share.sum() - 1) < 1e-12);
    QVERIFY(values("Information").size() == 0);
}

RHEO_TEST(TestSessionUnits)
#include "test_session_units.moc"
