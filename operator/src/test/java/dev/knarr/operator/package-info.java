// SPDX-License-Identifier: Apache-2.0
/** Tests of the names that everything goes by. */
@NullMarked
package dev.knarr.operator;

import org.jspecify.annotations.NullMarked;
