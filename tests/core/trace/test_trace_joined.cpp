// Rows picked from several traces: what is read is what the parts hold, and nothing is kept twice.
#include <cmath>

#include "core/base/error.h"
#include "core/trace/joined_trace.h"
#include "tests/test_main.h"

using namespace rheo;

namespace {

constexpr std::int64_t points = 3;
constexpr std::int64_t units = 5;

float value(int part, std::int64_t row, std::int64_t point, std::int64_t unit) {
    return static_cast<float>(1000 * part + 100 * row + 10 * point + unit);
}

std::shared_ptr<const Trace> makePart(int part, int rows, std::int64_t width = units) {
    TraceInfo info;
    info.points = {{0, Site::AttnIn}, {0, Site::MlpIn}, {-1, Site::Final}};
    info.units = width;
    Array3F states(rows, points, width);
    for (std::int32_t n = 0; n < rows; ++n) {
        info.rows.push_back({n, 7, 10 * part + n});
        info.samples.push_back({"part " + std::to_string(part), {1, 2, n}});
        for (std::int64_t p = 0; p < points; ++p)
            for (std::int64_t u = 0; u < width; ++u) states.at(n, p)[u] = value(part, n, p, u);
    }
    return std::make_shared<MemoryTrace>(info, states);
}

std::vector<Sample> named(int count) {
    std::vector<Sample> samples;
    for (int s = 0; s < count; ++s) samples.push_back({"sample " + std::to_string(s), {s}});
    return samples;
}

ErrorCode codeOf(const std::function<void()>& call) {
    try {
        call();
    } catch (const Error& error) {
        return error.code();
    }
    return ErrorCode::Internal;
}

}  // namespace

class TestTraceJoined : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void readsWhatThePartsHold();
    void readsUnitsOfPartsUsedLittleAndMuch();
    void joinsOfJoinsAreSeenThrough();
    void wholePartsComeBackAsTheyAre();
    void refusesWhatDoesNotFit();
    void hashNamesTheRows();

private:
    const std::vector<PickedRow> m_rows{{1, 0, 3}, {1, 0, 4}, {0, 1, 2}, {0, 2, 0}, {1, 3, 0}, {0, 2, 0}};
};

void TestTraceJoined::readsWhatThePartsHold() {
    const auto trace = JoinedTrace::pick({makePart(1, 4), makePart(2, 6)}, m_rows, named(4));
    QCOMPARE(trace->rows(), std::int64_t{6});
    QCOMPARE(trace->units(), units);
    const auto part = [&](std::size_t n) { return m_rows[n].part + 1; };
    for (std::size_t n = 0; n < m_rows.size(); ++n) {
        QCOMPARE(trace->info().rows[n].sample, m_rows[n].sample);
        QCOMPARE(trace->info().rows[n].position, 7);
        QCOMPARE(trace->info().rows[n].tokenId, static_cast<std::int32_t>(10 * part(n) + m_rows[n].row));
    }
    // Every range of rows, and every point of it.
    for (std::int64_t first = 0; first <= 6; ++first)
        for (std::int64_t count = 0; first + count <= 6; ++count) {
            std::vector<float> rows(static_cast<std::size_t>(count * points * units), NAN);
            trace->readRows(RowIndex{first}, count, rows.data());
            for (std::int64_t p = 0; p < points; ++p) {
                std::vector<float> point(static_cast<std::size_t>(count * units), NAN);
                trace->readPoint(PointIndex{p}, RowIndex{first}, count, point.data());
                for (std::int64_t i = 0; i < count; ++i)
                    for (std::int64_t u = 0; u < units; ++u) {
                        const auto n = static_cast<std::size_t>(first + i);
                        const float expected = value(part(n), m_rows[n].row, p, u);
                        QCOMPARE(rows[static_cast<std::size_t>((i * points + p) * units + u)], expected);
                        QCOMPARE(point[static_cast<std::size_t>(i * units + u)], expected);
                    }
            }
        }
}

void TestTraceJoined::readsUnitsOfPartsUsedLittleAndMuch() {
    // Part 1 has 4 rows, all but one used; of the 50 of part 2 only three.
    for (const int size : {6, 50}) {
        const auto trace = JoinedTrace::pick({makePart(1, 4), makePart(2, size)}, m_rows, named(4));
        for (std::int64_t first = 0; first < units; ++first)
            for (std::int64_t count = 1; first + count <= units; ++count) {
                std::vector<float> out(static_cast<std::size_t>(6 * points * count), NAN);
                trace->readUnits(UnitIndex{first}, count, out.data());
                for (std::int64_t n = 0; n < 6; ++n)
                    for (std::int64_t p = 0; p < points; ++p)
                        for (std::int64_t u = 0; u < count; ++u) {
                            const auto& row = m_rows[static_cast<std::size_t>(n)];
                            QCOMPARE(out[static_cast<std::size_t>((n * points + p) * count + u)],
                                     value(row.part + 1, row.row, p, first + u));
                        }
            }
    }
}

void TestTraceJoined::joinsOfJoinsAreSeenThrough() {
    const auto a = makePart(1, 4);
    const auto b = makePart(2, 6);
    const auto inner = JoinedTrace::pick({a, b}, m_rows, named(4));
    const auto outer = JoinedTrace::pick({inner, a}, {{0, 0, 2}, {1, 1, 3}, {0, 2, 0}}, named(3));
    const auto* joined = dynamic_cast<const JoinedTrace*>(outer.get());
    QVERIFY(joined != nullptr);
    QCOMPARE(joined->parts().size(), std::size_t{2});  // not the inner one, and `a` once
    std::vector<float> state(static_cast<std::size_t>(points * units));
    const auto firstValue = [&](std::int64_t row) {
        outer->readRows(RowIndex{row}, 1, state.data());
        return state[0];
    };
    QCOMPARE(firstValue(0), value(1, 2, 0, 0));
    QCOMPARE(firstValue(1), value(1, 3, 0, 0));
    QCOMPARE(firstValue(2), value(2, 3, 0, 0));
    // A part of which nothing is left is let go.
    const auto only = JoinedTrace::pick({inner}, {{0, 0, 0}}, named(1));
    QCOMPARE(dynamic_cast<const JoinedTrace*>(only.get())->parts().size(), std::size_t{1});
}

void TestTraceJoined::wholePartsComeBackAsTheyAre() {
    const auto a = makePart(1, 4);
    const std::vector<PickedRow> all{{0, 0, 0}, {0, 1, 1}, {0, 2, 2}, {0, 3, 3}};
    QCOMPARE(JoinedTrace::pick({a}, all, a->info().samples), a);

    auto more = all;
    more.push_back({1, 4, 0});
    auto samples = a->info().samples;
    samples.push_back({"new", {5}});
    const auto added = JoinedTrace::pick({a, makePart(2, 1)}, more, samples);
    QVERIFY(added != a);
    QCOMPARE(JoinedTrace::pick({added}, all, a->info().samples), a);
    // Another text is another trace.
    samples.pop_back();
    samples[0].text = "changed";
    QVERIFY(JoinedTrace::pick({added}, all, samples) != a);
}

void TestTraceJoined::refusesWhatDoesNotFit() {
    const auto a = makePart(1, 4);
    QCOMPARE(codeOf([&] { JoinedTrace::pick({}, {}, {}); }), ErrorCode::InvalidArgument);
    QCOMPARE(codeOf([&] { JoinedTrace::pick({a, makePart(2, 1, 6)}, {}, {}); }), ErrorCode::Mismatch);
    QCOMPARE(codeOf([&] { JoinedTrace::pick({a}, {{0, 0, 4}}, named(1)); }), ErrorCode::InvalidArgument);
    QCOMPARE(codeOf([&] { JoinedTrace::pick({a}, {{1, 0, 0}}, named(1)); }), ErrorCode::InvalidArgument);
    QCOMPARE(codeOf([&] { JoinedTrace::pick({a}, {{0, 1, 0}}, named(1)); }), ErrorCode::InvalidArgument);
    TraceInfo info = a->info();
    info.points[1] = {1, Site::MlpIn};
    const auto other = std::make_shared<MemoryTrace>(info, Array3F(4, points, units));
    QCOMPARE(codeOf([&] { JoinedTrace::pick({a, other}, {}, {}); }), ErrorCode::Mismatch);

    const auto joined = JoinedTrace::pick({a}, {{0, 0, 1}, {0, 0, 0}}, named(1));
    std::vector<float> out(100);
    QCOMPARE(codeOf([&] { joined->readRows(RowIndex{1}, 2, out.data()); }), ErrorCode::InvalidArgument);
    QCOMPARE(codeOf([&] { joined->readPoint(PointIndex{3}, RowIndex{0}, 1, out.data()); }),
             ErrorCode::InvalidArgument);
    QCOMPARE(codeOf([&] { joined->readUnits(UnitIndex{4}, 2, out.data()); }), ErrorCode::InvalidArgument);
}

void TestTraceJoined::hashNamesTheRows() {
    const auto a = makePart(1, 4);
    const auto b = makePart(2, 6);
    const auto hash = JoinedTrace::pick({a, b}, m_rows, named(4))->sourceHash();
    QCOMPARE(hash.size(), std::size_t{64});
    QCOMPARE(JoinedTrace::pick({a, b}, m_rows, named(4))->sourceHash(), hash);
    auto rows = m_rows;
    std::swap(rows[0], rows[1]);
    QVERIFY(JoinedTrace::pick({a, b}, rows, named(4))->sourceHash() != hash);
    QVERIFY(JoinedTrace::pick({a, b}, m_rows, named(5))->sourceHash() != hash);
}

RHEO_TEST(TestTraceJoined)
#include "test_trace_joined.moc"
