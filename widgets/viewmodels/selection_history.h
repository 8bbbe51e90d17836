#pragma once

#include <QObject>
#include <QTimer>
#include <vector>

#include "widgets/viewmodels/selection.h"

namespace rheo {

/// What was selected before: rows, prompt, token, point and unit, to go back and forward as in a browser.
/// Changes within half a second of each other are one step: playing through the depth is one.
class SelectionHistory : public QObject {
    Q_OBJECT
public:
    SelectionHistory(Workspace& workspace, Selection& selection, QObject* parent = nullptr);

    bool canGoBack() const;
    bool canGoForward() const { return !m_forward.empty(); }
    void goBack();
    void goForward();
    static constexpr int pause = 500;         ///< milliseconds
    static constexpr std::size_t most = 200;  ///< steps that are kept

Q_SIGNALS:
    void changed();

private:
    struct Step {
        PromptId prompt;
        int token = -1;
        std::vector<TokenPlace> rows;
        PointIndex point;
        UnitIndex unit;
        bool operator==(const Step&) const = default;
    };

    Step now() const;
    void settle();
    void clear();
    void restore(const Step& step);

    Workspace& m_workspace;
    Selection& m_selection;
    std::vector<Step> m_back, m_forward;
    Step m_settled;
    QTimer m_wait;
    bool m_isRestoring = false;
};

}  // namespace rheo
