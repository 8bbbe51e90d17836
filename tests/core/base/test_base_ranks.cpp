// Ranks, with threads in their place: what one has all get, sums have the same bits everywhere, and what the
// environment says of who started the program.
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/ranks.h"
#include "core/ranks/mpi_ranks.h"
#include "tests/core/base/thread_ranks.h"
#include "tests/test_main.h"

using namespace rheo;
using rheo::tests::asRanks;

namespace {

/// 0.1, 0.2, .. of this rank: numbers whose sums round.
double numberOf(int rank, int i) {
    return 0.1 * (rank + 1) + 1e-3 * i;
}

void addSizes() {
    QTest::addColumn<int>("size");
    for (const int size : {1, 2, 3, 4, 5, 7, 8, 13}) QTest::newRow(std::to_string(size).c_str()) << size;
}

}  // namespace

class TestBaseRanks : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void aloneNothingIsSent() {
        const Ranks ranks;
        QVERIFY(ranks.alone() && ranks.first());
        QCOMPARE(broadcast(ranks, std::string("text")), std::string("text"));
        QCOMPARE(gather(ranks, bytesOf("own")).size(), std::size_t(1));
        std::vector<double> values{1, 2};
        sumOverRanks(ranks, values);
        QCOMPARE(values, (std::vector<double>{1, 2}));
        barrier(ranks);
        QVERIFY(currentRanks().alone());
    }

    void allGetWhatOneHas_data() { addSizes(); }
    void allGetWhatOneHas() {
        QFETCH(int, size);
        asRanks(size, [&](const Ranks& ranks) {
            const std::string text = ranks.first() ? "from the first" : "not this";
            if (broadcast(ranks, text) != "from the first") throw Error(ErrorCode::Internal, "broadcast");
            const auto all = gather(ranks, bytesOf(std::string(static_cast<std::size_t>(ranks.rank), 'x')));
            for (int rank = 0; rank < size; ++rank)
                if (textOf(all[static_cast<std::size_t>(rank)]) !=
                    std::string(static_cast<std::size_t>(rank), 'x'))
                    throw Error(ErrorCode::Internal, "gather");
            if (gatherToFirst(ranks, {}).size() != (ranks.first() ? static_cast<std::size_t>(size) : 0))
                throw Error(ErrorCode::Internal, "gather to the first");
            barrier(ranks);
        });
    }

    // The tolerance is that of a few additions of numbers near 1.
    void sumsAreTheSameEverywhere_data() { addSizes(); }
    void sumsAreTheSameEverywhere() {
        QFETCH(int, size);
        constexpr int count = 5;
        std::vector<std::vector<double>> sums(static_cast<std::size_t>(size));
        asRanks(size, [&](const Ranks& ranks) {
            std::vector<double> own;
            for (int i = 0; i < count; ++i) own.push_back(numberOf(ranks.rank, i));
            sumOverRanks(ranks, own);
            sums[static_cast<std::size_t>(ranks.rank)] = own;
        });
        for (const auto& one : sums) QVERIFY(one == sums.front());
        for (int i = 0; i < count; ++i) {
            double expected = 0;
            for (int rank = 0; rank < size; ++rank) expected += numberOf(rank, i);
            QVERIFY(std::abs(sums.front()[static_cast<std::size_t>(i)] - expected) <= 1e-14 * expected);
        }
    }

    void whatSumsSendIsWhatIsSaid() {
        constexpr int size = 5, count = 1000;
        std::atomic<std::uint64_t> sent{0};
        asRanks(size, [&](const Ranks& ranks) {
            std::vector<double> own(count, 1.0);
            sumOverRanks(ranks, own);
            sent += ranks.traffic->bytes;
        });
        QCOMPARE(sent.load(), std::uint64_t(2 * (size - 1) * count * sizeof(double)));
    }

    void sharesFillTheWhole() {
        for (const std::int64_t count : {0, 1, 7, 100})
            for (const int parts : {1, 2, 3, 8}) {
                std::int64_t at = 0;
                for (int part = 0; part < parts; ++part) {
                    const Share share = shareOf(count, part, parts);
                    QCOMPARE(share.first, at);
                    QVERIFY(share.count == count / parts || share.count == count / parts + 1);
                    at += share.count;
                }
                QCOMPARE(at, count);
            }
    }

    void rowsAreExchanged_data() { addSizes(); }
    void rowsAreExchanged() {
        QFETCH(int, size);
        for (const std::int64_t count : {0, 1, 2, 9})
            asRanks(size, [&](const Ranks& ranks) {
                constexpr std::int64_t width = 3;
                std::vector<double> table(static_cast<std::size_t>(count * width), -1);
                for (std::int64_t n = ranks.rank; n < count; n += size)
                    for (std::int64_t i = 0; i < width; ++i)
                        table[static_cast<std::size_t>(n * width + i)] = static_cast<double>(10 * n + i);
                exchangeRows(ranks, count, width, table.data());
                for (std::int64_t n = 0; n < count; ++n)
                    for (std::int64_t i = 0; i < width; ++i)
                        if (table[static_cast<std::size_t>(n * width + i)] != static_cast<double>(10 * n + i))
                            throw Error(ErrorCode::Internal, "exchangeRows");
            });
    }

    void scopesAreOfTheirThread() {
        asRanks(2, [](const Ranks& ranks) {
            if (currentRanks().rank != ranks.rank) throw Error(ErrorCode::Internal, "the scope");
            {
                const RanksScope alone{Ranks()};
                if (!currentRanks().alone()) throw Error(ErrorCode::Internal, "nested");
            }
            int size = 0;
            std::thread([&] { size = currentRanks().size; }).join();
            if (size != 1 || currentRanks().size != 2) throw Error(ErrorCode::Internal, "other threads");
        });
    }

    void theEnvironmentSaysWhoStarted() {
        std::map<std::string, std::string> set;
        const Environment environment = [&](const char* name) {
            const auto found = set.find(name);
            return found == set.end() ? nullptr : found->second.c_str();
        };
        QCOMPARE(launchOf(environment).size, 1);
        set = {{"OMPI_COMM_WORLD_SIZE", "3"},
               {"OMPI_COMM_WORLD_RANK", "2"},
               {"OMPI_COMM_WORLD_LOCAL_SIZE", "1"}};
        Launch launch = launchOf(environment);
        QVERIFY(launch.size == 3 && launch.rank == 2 && launch.onThisMachine == 1 && launch.by == "mpirun");
        set = {{"OMPI_COMM_WORLD_SIZE", "1"}, {"OMPI_COMM_WORLD_RANK", "0"}};
        QCOMPARE(launchOf(environment).size, 1);
        set = {{"SLURM_PROCID", "5"}, {"SLURM_STEP_NUM_TASKS", "8"}, {"SLURM_STEP_TASKS_PER_NODE", "4(x2)"}};
        launch = launchOf(environment);
        QVERIFY(launch.size == 8 && launch.rank == 5 && launch.onThisMachine == 4 && launch.by == "srun");
        // A batch script that starts the program without srun.
        set = {{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "8"}};
        QCOMPARE(launchOf(environment).size, 1);
        set = {{"OMPI_COMM_WORLD_SIZE", "many"}, {"OMPI_COMM_WORLD_RANK", "0"}};
        QCOMPARE(launchOf(environment).size, 1);
    }

    void ranksShareTheCores() {
        QCOMPARE(threadsOfRank({0, 4, 4, "mpirun"}, 16, 16), 4);
        QCOMPARE(threadsOfRank({0, 8, 2, "mpirun"}, 16, 16), 8);
        QCOMPARE(threadsOfRank({0, 4, 4, "mpirun"}, 2, 16), 2);  // bound to two cores
        QCOMPARE(threadsOfRank({0, 4, 4, "mpirun"}, 2, 2), 1);
    }

    void withoutTheModuleItSaysHowToGetIt() {
        try {
            MpiRanks({1, 3, 3, "mpirun"}, "/nowhere", {});
            QFAIL("it was opened");
        } catch (const Error& error) {
            const std::string said = error.what();
            QVERIFY(error.code() == ErrorCode::Unsupported);
            for (const char* part :
                 {"mpirun", "3", "/nowhere/librheo_mpi.so", "openmpi-bin", "many_machines"})
                QVERIFY2(said.find(part) != std::string::npos, said.c_str());
        }
    }
};

RHEO_TEST(TestBaseRanks)
#include "test_base_ranks.moc"
