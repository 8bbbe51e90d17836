#pragma once

#include <QTableView>
#include <vector>

#include "core/figure/color.h"
#include "widgets/models/teleport_model.h"

namespace rheo {

/// The likeliest next tokens, a row each: how likely before and after, as a number over a bar.
class NextTokensView : public QTableView {
    Q_OBJECT
public:
    explicit NextTokensView(QWidget* parent = nullptr);

    /// Tokens in the order they are shown. NaN where nothing was moved.
    void setTokens(std::vector<NextToken> tokens);
    void setTheme(const Theme& theme);
    /// One line a token, the columns apart by tabs.
    QString text() const;
    QSize sizeHint() const override { return {240, 190}; }
    QSize minimumSizeHint() const override { return {160, 96}; }

protected:
    void keyPressEvent(QKeyEvent* event) override;
    void contextMenuEvent(QContextMenuEvent* event) override;

private:
    class Rows;
    class Bars;
    Rows* m_rows;
    Bars* m_bars;
};

}  // namespace rheo
