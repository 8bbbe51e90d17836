#pragma once

#include <QAbstractListModel>
#include <vector>

#include "widgets/viewmodels/selection.h"
#include "widgets/viewmodels/workspace.h"

namespace rheo {

/// The tokens of the selected prompt, in order.
class TokenStripModel : public QAbstractListModel {
    Q_OBJECT
public:
    enum Role {
        TokenIdRole = Qt::UserRole + 1,  ///< int
        PositionRole,                    ///< int
        CapturedRole,                    ///< bool: its path is a row
        SelectedRole,                    ///< bool
        SpecialRole,                     ///< bool: such as the beginning of the text
        CapturingRole,                   ///< bool: the model is at it
    };

    TokenStripModel(Workspace& workspace, Selection& selection, QObject* parent = nullptr);

    int rowCount(const QModelIndex& parent = {}) const override;
    /// DisplayRole: what the token adds to the text, unprintables as signs; its id without a tokenizer.
    QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
    QHash<int, QByteArray> roleNames() const override;

private:
    struct Token {
        std::int32_t id = -1;
        QString text;
        bool special = false;
        bool captured = false;
    };
    void rebuild();
    void refresh();
    void markCaptured();

    Workspace& m_workspace;
    Selection& m_selection;
    PromptId m_prompt;
    std::vector<std::int32_t> m_ids;
    std::vector<Token> m_tokens;
};

}  // namespace rheo
