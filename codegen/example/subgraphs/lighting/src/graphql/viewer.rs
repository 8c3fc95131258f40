//! What the caller has in this domain.

use super::lamp::LampsOfViewer;

atelier_kit::viewer!(LampsOfViewer);
