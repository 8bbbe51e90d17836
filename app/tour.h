#pragma once

#include <QWidget>
#include <array>
#include <span>

class QLabel;
class QPushButton;

namespace rheo {

class MainWindow;

/// A stop of the guided tour: one finding, on the demo.
struct TourStep {
    const char* title;
    const char* view;  ///< that shows it
    const char* text;  ///< what is to be seen, and what to look for; HTML
    std::array<const char*, 2>
        findings;                     ///< keys of the verdicts that say what the nulls make of it; or null
    void (*act)(MainWindow& window);  ///< done once the view is shown; null: nothing
};
std::span<const TourStep> tourSteps();

/// A walk through the findings on the demo, at the lower edge of the window: each step shows its view, does
/// what is to be seen, and says what the nulls make of it, in the words of the verdicts that the demo holds.
/// Where it was left it goes on, also after another start.
class Tour : public QWidget {
    Q_OBJECT
public:
    explicit Tour(MainWindow& window);

    /// The step to go on with, from 0; of a tour that was not begun, or was finished, the first.
    static int leftAt();

    /// Opens the demo if something else is open, and goes to a step.
    void start(int step);
    int step() const { return m_step; }
    QString text() const;
    QPushButton* next() const { return m_next; }
    QPushButton* back() const { return m_back; }
    QPushButton* leave() const { return m_leave; }

Q_SIGNALS:
    /// It was left, or its last step is done.
    void ended();

private:
    void show(int step);
    void enter();
    QString verdicts() const;

    MainWindow& m_window;
    QLabel *m_title, *m_text;
    QPushButton *m_back, *m_next, *m_leave;
    int m_step = -1;
    bool m_waits = false;  ///< for the demo to be open
};

}  // namespace rheo
