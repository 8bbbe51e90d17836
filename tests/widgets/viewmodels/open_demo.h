#pragma once

#include <QSignalSpy>
#include <QString>
#include <QTest>
#include <atomic>
#include <chrono>
#include <memory>
#include <thread>

#include "widgets/viewmodels/open_document.h"
#include "widgets/viewmodels/workspace.h"

namespace rheo::test {

inline const QString demoModel = QStringLiteral(RHEO_RESOURCES "/demo-model");
inline const QString demoPrompts = QStringLiteral(RHEO_RESOURCES "/prompts/novels.txt");

/// Opens `prompts` rows of the demo and waits for them; false if it failed.
inline bool openDemo(Workspace& workspace, int prompts) {
    QSignalSpy replaced(&workspace, &Workspace::documentReplaced);
    openDemo(workspace, demoModel, demoPrompts, prompts);
    return QTest::qWaitFor([&] { return !replaced.isEmpty(); }, 60000);
}

/// Holds a lane busy until it is let go.
class HeldLane {
public:
    HeldLane(JobRunner& jobs, Lane lane) {
        jobs.submit(
            {lane, "held", false},
            [open = m_open, inside = m_inside](Progress& progress) {
                *inside = true;
                while (!*open) {
                    progress.check();
                    std::this_thread::sleep_for(std::chrono::milliseconds(1));
                }
            },
            &m_receiver, [](auto) {});
        (void)QTest::qWaitFor([this] { return m_inside->load(); }, 5000);
    }
    ~HeldLane() { letGo(); }
    void letGo() { *m_open = true; }

private:
    std::shared_ptr<std::atomic<bool>> m_open = std::make_shared<std::atomic<bool>>(false);
    std::shared_ptr<std::atomic<bool>> m_inside = std::make_shared<std::atomic<bool>>(false);
    QObject m_receiver;
};

}  // namespace rheo::test
