#pragma once

#include <QWidget>

#include "widgets/viewmodels/prompt_list_model.h"
#include "widgets/viewmodels/selection.h"
#include "widgets/viewmodels/token_strip_model.h"
#include "widgets/viewmodels/workspace.h"

class QItemSelection;
class QLabel;
class QLineEdit;
class QListView;
class QPushButton;
class QSortFilterProxyModel;

namespace rheo {

/// What is open: model and trace, the prompts (search, add, edit, remove), and the tokens of the selected
/// prompt.
class SourcePanel : public QWidget {
    Q_OBJECT
public:
    SourcePanel(Workspace& workspace, Selection& selection, QWidget* parent = nullptr);

    QListView* promptView() const { return m_prompts; }
    QListView* tokenView() const { return m_tokens; }
    QPushButton* pinButton() const { return m_pin; }
    QLineEdit* searchField() const { return m_search; }
    QLabel* matches() const { return m_matches; }

public Q_SLOTS:
    /// Asks for a text and adds it.
    void addPrompt();
    void editPrompt();
    void removePrompts();

Q_SIGNALS:
    /// The link beside the results was followed.
    void closeResultsRequested();

protected:
    void changeEvent(QEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;

private:
    QString describeResults() const;
    void describeSource();
    void showAdded(PromptId id);
    void updateButtons();
    void connectLists();
    void setFilter(const QString& text);
    void countMatches();
    void showSelection();
    void showToken();
    void selectChosen(const QItemSelection& added, const QItemSelection& removed);
    QList<PromptId> promptsOf(const QModelIndexList& indexes) const;
    QList<PromptId> chosen() const;

    Workspace& m_workspace;
    Selection& m_selection;
    QLabel* m_source;
    QLineEdit* m_search;
    QLabel* m_matches;
    QListView* m_prompts;
    QListView* m_tokens;
    QPushButton *m_add, *m_edit, *m_remove, *m_pin;
    PromptId m_added;  ///< chosen when it has a row
    PromptListModel* m_promptModel;
    TokenStripModel* m_tokenModel;
    QSortFilterProxyModel* m_filtered;
    bool m_showing = false;
};

}  // namespace rheo
