// SPDX-License-Identifier: Apache-2.0
/** Tests of what is made of a cluster. */
@NullMarked
package dev.knarr.operator.dependent;

import org.jspecify.annotations.NullMarked;
