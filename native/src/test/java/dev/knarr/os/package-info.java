// SPDX-License-Identifier: Apache-2.0
/** Real processes, really killed. */
@NullMarked
package dev.knarr.os;

import org.jspecify.annotations.NullMarked;
